/**
 * Answers known before they are asked for: a bounded memory of what one engine has answered, and
 * the idle work that fills it. Greedy edits of one model are a function of the request, so an
 * answer stands as long as the engine does. Owns both; does not run edits (nearfield.ts gives `run`).
 */
import type { EditArgs } from './protocol.ts'
import type { EditResult, PrefetchOptions } from './types.ts'

/** A caption and its answer are about 1 KB. */
const ANSWERS_MAX = 1000

/** All that an answer depends on, in one order, whatever order the request had. */
export function answerKey(args: EditArgs): string {
  const { task, text, format = 'srt', context, maxChars, maxLines, maxCps, durationMs } = args
  const { protect = [] } = args
  const neighbours = [context?.before ?? '', context?.after ?? '']
  const limits = [maxChars ?? 0, maxLines ?? 0, maxCps ?? 0, durationMs ?? 0]
  const versions = [args.variants ?? 1, args.seed ?? 0, args.evenIfPoor ?? false]
  const adapter = args.adapter === null ? 'none' : (args.adapter?.sha256 ?? '')
  return JSON.stringify([task, format, text, neighbours, limits, protect, versions, adapter])
}

type Run = (args: EditArgs, signal: AbortSignal) => Promise<EditResult>

interface Answer {
  result: EditResult
  prefetched: boolean
}

export class Answers {
  readonly #max: number
  readonly #known = new Map<string, Answer>()
  /** Prefetches under way: by priority, then by answer key. */
  readonly #fetching = new Map<string, Map<string, AbortController>>()

  constructor(max = ANSWERS_MAX) {
    this.#max = max
  }

  /** The answer with a receipt that says it was known; null when it must be worked out. */
  take(key: string): EditResult | null {
    const known = this.#known.get(key)
    if (!known) return null
    this.#keep(key, known)
    const { result, prefetched } = known
    const why = prefetched ? 'prefetched' : 'remembered'
    const none = { queueMs: 0, firstTokenMs: 0, totalMs: 0, bytesSent: 0, costUsd: 0 }
    const attempts = result.receipt.attempts.slice(-1)
    const receipt = { ...result.receipt, ...none, why, attempts }
    return { ...structuredClone(result), receipt }
  }

  /** What was answered to somebody who waited. */
  remember(key: string, result: EditResult): void {
    this.#keep(key, { result: structuredClone(result), prefetched: false })
  }

  /** Somebody asks for it now: their request does the work. */
  drop(key: string): void {
    for (const fetching of this.#fetching.values()) {
      fetching.get(key)?.abort()
      fetching.delete(key)
    }
  }

  /** Replaces what earlier calls of the same priority wait for; what is wanted still goes on. */
  prefetch(wanted: readonly EditArgs[], priority: PrefetchOptions['priority'], run: Run): void {
    const lane = priority ?? 'idle'
    const before = this.#fetching.get(lane) ?? new Map<string, AbortController>()
    const after = new Map<string, AbortController>()
    const keyed = new Map(wanted.map((args) => [answerKey(args), args]))
    for (const [key, abort] of before) {
      if (keyed.has(key)) after.set(key, abort)
      else abort.abort()
    }
    this.#fetching.set(lane, after)
    for (const [key, args] of keyed) {
      if (!this.#known.has(key) && !this.#underWay(key)) this.#fetch(lane, key, args, run)
    }
  }

  #underWay(key: string): boolean {
    return [...this.#fetching.values()].some((fetching) => fetching.has(key))
  }

  #fetch(lane: NonNullable<PrefetchOptions['priority']>, key: string, args: EditArgs, run: Run) {
    const abort = new AbortController()
    this.#fetching.get(lane)?.set(key, abort)
    const done = () => {
      const fetching = this.#fetching.get(lane)
      if (fetching?.get(key) === abort) fetching.delete(key)
    }
    run({ ...args, priority: lane }, abort.signal).then(
      (result) => {
        done()
        if (!abort.signal.aborted) this.#keep(key, { result, prefetched: true })
      },
      done, // thrown away freely: whoever asks hears of what is wrong
    )
  }

  #keep(key: string, answer: Answer): void {
    this.#known.delete(key)
    this.#known.set(key, answer)
    const oldest = this.#known.keys().next().value
    if (this.#known.size > this.#max && oldest !== undefined) this.#known.delete(oldest)
  }
}
