/**
 * A plan, followed: the first place is asked, the second when the first is late (hedge) or has
 * failed, and one that has failed again after a pause; the first valid answer wins and the other is
 * cancelled. Owns the attempts of one request.
 * Does not choose (route.ts) and does not know what is asked, or how.
 */
import { abortError } from '../abort_error.ts'
import { NearfieldError } from '../error.ts'
import type { Place, Plan } from '../route.ts'
import type { Clock } from './clock.ts'

/** 'cancelled': the other answered first. 'timeout': given up. The others: what it threw. */
export type TryEnd = 'ok' | 'cancelled' | 'timeout' | 'lost' | 'no_memory' | 'refused' | 'network'
/** One place asked. */
export interface Tried {
  place: Place
  end: TryEnd
  ms: number
  /** Was it asked because the other was late? */
  hedge: boolean
}
/** Asks a place; rejects with a NearfieldError when there is no valid answer. */
export type Ask<T> = (place: Place, signal: AbortSignal) => Promise<T>
export interface Answered<T> {
  answer: T
  place: Place
  tries: Tried[]
}

/** Failures of a place: another may do better. null: the request's own, or an abort. */
const MOVES_ON: Partial<Record<string, TryEnd>> = {
  lost: 'lost',
  no_memory: 'no_memory',
  unsupported: 'refused',
  io: 'refused',
  network: 'network',
}
/** A place was given up: as far as one knows, it may still be at it. */
export class LateError extends NearfieldError {
  constructor(place: Place, ms: number) {
    super('network', `the ${place} did not answer within ${Math.round(ms)} ms`)
  }
}

function endOf(error: unknown): TryEnd | null {
  if (error instanceof LateError) return 'timeout'
  return error instanceof NearfieldError ? (MOVES_ON[error.code] ?? null) : null
}

interface Running {
  tried: Tried
  from: number
  stop: AbortController
  stopTimer: () => void
}
/** Hears of every try. */
export interface Watch {
  begin?(tried: Tried): void
  /** `tried` says how it ended; 'cancelled' ones are told too. */
  end?(tried: Tried): void
}

/** A device that is late for so long has hung: the slowest loads and edits are done by then. */
const HUNG_MS = 300_000
/** A server that says nothing for so long is given up. */
const SILENT_MS = 30_000
/** A place that has failed is asked again after these, as long as there is no answer. */
const AGAIN_MS = [500, 1000, 2000, 4000]

/** One request on its way. */
class Run<T> {
  readonly tries: Tried[] = []
  readonly result: Promise<Answered<T>>
  #plan: Plan
  #ask: Ask<T>
  #clock: Clock
  #watch: Watch
  #running = new Map<Place, Running>()
  #again = new Map<Place, () => void>()
  #settle!: { resolve: (answered: Answered<T>) => void; reject: (error: unknown) => void }
  #over = false
  #stopHedge = () => {}

  constructor(plan: Plan, ask: Ask<T>, clock: Clock, watch: Watch) {
    this.#plan = plan
    this.#ask = ask
    this.#clock = clock
    this.#watch = watch
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.#start(plan.first!, false)
    const { second, hedgeAfterMs } = plan
    if (second && hedgeAfterMs !== null)
      this.#stopHedge = clock.after(hedgeAfterMs, () => {
        if (!this.#wasAsked(second)) this.#start(second, true)
      })
  }

  #wasAsked(place: Place): boolean {
    return this.tries.some((tried) => tried.place === place)
  }

  #start(place: Place, hedge: boolean): void {
    if (this.#over) return
    const tried: Tried = { place, end: 'cancelled', ms: 0, hedge }
    const stop = new AbortController()
    const running = { tried, from: this.#clock.now(), stop, stopTimer: () => {} }
    this.tries.push(tried)
    this.#running.set(place, running)
    const { first, giveUpMs } = this.#plan
    const limit = (place === first ? giveUpMs : null) ?? (place === 'server' ? SILENT_MS : HUNG_MS)
    running.stopTimer = this.#clock.after(limit, () => this.#late(running, limit))
    this.#watch.begin?.(tried)
    this.#ask(place, stop.signal).then(
      (answer) => this.#answered(running, answer),
      (error) => this.#failed(running, error),
    )
  }

  /**
   * A server that is silent may never have heard: it is asked anew. A device is at it, and would begin
   * again: it goes on until the other has answered.
   */
  #late(running: Running, ms: number): void {
    const { place } = running.tried
    if (place === 'server') {
      this.#failed(running, new LateError(place, ms))
      return
    }
    running.stopTimer = this.#clock.after(HUNG_MS, () =>
      this.#failed(running, new LateError(place, ms + HUNG_MS)),
    )
    const { second } = this.#plan
    if (second && !this.#wasAsked(second)) this.#start(second, false)
  }

  #end(running: Running, end: TryEnd): void {
    running.stopTimer()
    running.tried.end = end
    running.tried.ms = this.#clock.now() - running.from
    this.#running.delete(running.tried.place)
    this.#watch.end?.(running.tried)
  }
  #runs(running: Running): boolean {
    return !this.#over && this.#running.get(running.tried.place) === running
  }

  #answered(running: Running, answer: T): void {
    if (!this.#runs(running)) return
    this.#end(running, 'ok')
    this.#settle.resolve({ answer, place: running.tried.place, tries: this.tries })
    this.stop(abortError('the other place answered first'))
  }

  #failed(running: Running, error: unknown): void {
    if (!this.#runs(running)) return
    const end = endOf(error) // null: the request's own fault, which another place would find too
    this.#end(running, end ?? 'refused')
    running.stop.abort(error)
    if (end === null) {
      this.abort(error)
      return
    }
    const { second } = this.#plan
    if (second && !this.#wasAsked(second)) this.#start(second, false)
    if (end !== 'refused') this.#tryAgain(running.tried.place) // it would say the same again
    if (this.#running.size === 0 && this.#again.size === 0) this.abort(error)
  }

  #tryAgain(place: Place): void {
    const pause = AGAIN_MS[this.tries.filter((tried) => tried.place === place).length - 1]
    if (pause === undefined) return
    const stop = this.#clock.after(pause, () => {
      this.#again.delete(place)
      this.#start(place, false)
    })
    this.#again.set(place, stop)
  }

  /** Ends whatever still runs. */
  stop(reason: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#stopHedge()
    for (const stop of this.#again.values()) stop()
    for (const running of [...this.#running.values()]) {
      this.#end(running, 'cancelled')
      running.stop.abort(reason)
    }
  }
  abort(reason: unknown): void {
    this.#settle.reject(reason)
    this.stop(reason)
  }
}

/**
 * Resolves with the first valid answer. Rejects with the last error when no place has one, with the
 * request's own error at once, and with the signal's reason.
 */
export async function runPlan<T>(
  plan: Plan,
  ask: Ask<T>,
  { clock, signal, watch = {} }: { clock: Clock; signal?: AbortSignal; watch?: Watch },
): Promise<Answered<T>> {
  signal?.throwIfAborted()
  if (plan.first === null) throw nowhere(plan)
  const run = new Run(plan, ask, clock, watch)
  const onAbort = () => run.abort(signal!.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await run.result
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

function nowhere(plan: Plan): NearfieldError {
  const line = `no place can take the edit: device ${plan.deviceWhy}, server ${plan.serverWhy}`
  if (plan.serverWhy !== 'only_on_device') return new NearfieldError('network', line)
  return new NearfieldError(plan.deviceWhy === 'device_lost' ? 'lost' : 'unsupported', line)
}
