/**
 * Edits by whichever place the router chooses, with the receipt of all that was tried. Owns what an
 * edit is to the router (its tokens) and what the router's tries are to a receipt. Does not know how
 * a place answers: it is handed one function each.
 */
import type { EditArgs } from '../protocol.ts'
import type { DeviceFacts, Place, Plan, Route, ServerFacts, UserFacts } from '../route.ts'
import type { Attempt, EditResult, LedgerSums, Receipt, RouteMode } from '../types.ts'
import { type Clock, realClock } from './clock.ts'
import { Ledger } from './ledger.ts'
import { type Circumstances, type Given, type RouteRequest, Router } from './router.ts'
import type { Tried } from './run.ts'

/**
 * One edit by one place. Rejects with a NearfieldError: 'lost', 'no_memory', 'unsupported', 'closed',
 * 'io' and 'network' (no answer, 429, 5xx, an answer that is none) let the other place try;
 * everything else is the request's own.
 */
export type EditBy = (args: EditArgs, signal: AbortSignal) => Promise<EditResult>

/** What holds at the moment an edit is asked for. */
export interface Here {
  device: Pick<
    DeviceFacts,
    | 'state'
    | 'backend'
    | 'loadingMs'
    | 'progress'
    | 'ctxTokensMax'
    | 'memoryNeedBytes'
    | 'memoryRoomBytes'
  >
  /** Does the device offer the task of this edit? */
  offered: boolean
  server: Pick<ServerFacts, 'reachable' | 'rttMs' | 'inputUsd' | 'outputUsd' | 'budgetUsd'>
  user: UserFacts
}
export interface RoutedEditsOptions {
  route: Route
  by: Record<Place, EditBy>
  here: (args: EditArgs) => Here
  clock?: Clock
}
/** Of one edit. */
export interface RouteWishes {
  mode?: RouteMode
  deadlineMs?: number
  patienceMs?: number
  secondUsd?: number
  signal?: AbortSignal
}

/** In prefer modes: nobody notices less (Doherty and Thadani 1982). */
const PATIENCE_MS = 400
/** English, of a byte-pair vocabulary: letters a token. */
const LETTERS_A_TOKEN = 4
/** Instruction, examples and template around a caption, until a receipt has told. */
const PROMPT_TOKENS = 200
/** Around the caption itself, behind what the prompts of a task share. */
const OWN_TOKENS = 12
const GAIN = 1 / 8
/** Ends of a try that reached the server's model, as far as one can know: they may be charged. */
const CHARGED = new Set(['ok', 'cancelled', 'timeout'])

export class RoutedEdits {
  #router: Router
  #by: RoutedEditsOptions['by']
  #here: RoutedEditsOptions['here']
  #clock: Clock
  #ledger = new Ledger()
  #promptTokens = PROMPT_TOKENS
  /** Edits on the device that are not over, and how long one usually is. */
  #onDevice = 0
  /** What the requests that are not over may cost. */
  #askedUsd = 0
  #usualMs = 0

  constructor({ route, by, here, clock = realClock }: RoutedEditsOptions) {
    this.#router = new Router(route, clock)
    this.#by = by
    this.#here = here
    this.#clock = clock
  }

  ledger(): LedgerSums {
    return this.#ledger.sums()
  }
  /** US dollars spent, what is on its way included. */
  spentUsd(): number {
    return this.#ledger.sums().server.usd + this.#askedUsd
  }

  /**
   * An edit whose answer the page knows already: entered as one that asked nobody. False, and not
   * entered: the answer is the server's, and a device that is ready would be asked for it now. One
   * that would be asked on trial would have the server asked too, so what is known stands.
   */
  remembered(args: EditArgs, source: Place, wishes: RouteWishes = {}): boolean {
    const { device, offered, ...here } = this.#here(args)
    const request = this.#request(args, offered, wishes)
    const plan = this.#router.plan(request, { ...here, device: this.#asItIs(device) })
    const asksDevice = plan.first === 'device' && device.state === 'ready' && !plan.onTrial
    if (source === 'server' && asksDevice) return false
    const { costUsd } = plan
    const none = { aborted: false, ms: 0, requests: 0, charged: 0, bytesSent: 0 }
    this.#ledger.add({ place: 'device', ...none, costUsd, serverMs: this.#router.serverMs() })
    return true
  }

  /** With the edits of this page that it is at. */
  #asItIs(device: Here['device']): Circumstances['device'] {
    const busy = this.#onDevice > 0 && device.state === 'ready'
    return {
      ...device,
      ...(busy ? { state: 'busy' as const, queueMs: this.#onDevice * this.#usualMs } : {}),
      cachedTokens: Math.max(0, this.#promptTokens - OWN_TOKENS),
    }
  }

  #request(args: EditArgs, offered: boolean, wishes: Omit<RouteWishes, 'signal'>): RouteRequest {
    const textTokens = tokensOf(args.text)
    return {
      ...{ mode: 'prefer_on_device', patienceMs: PATIENCE_MS, ...wishes, offered },
      inputTokens: this.#promptTokens + textTokens,
      outputTokens: textTokens * (args.variants ?? 1),
    }
  }

  async edit(args: EditArgs, { signal, ...wishes }: RouteWishes = {}): Promise<EditResult> {
    const { device, offered, ...here } = this.#here(args)
    const request = this.#request(args, offered, wishes)
    const from = this.#clock.now()
    const log = new TryLog()
    let askedUsd = 0
    const told = (plan: Plan, tried: Tried) => {
      log.hear(plan, tried)
      const now = log.requests() * plan.costUsd
      this.#askedUsd += now - askedUsd
      askedUsd = now
    }
    const entry = (place: Place | null, plan: Plan | null) => {
      this.#askedUsd -= askedUsd
      const requests = log.requests()
      this.#ledger.add({
        place,
        aborted: signal?.aborted === true,
        ms: this.#clock.now() - from,
        requests,
        charged: log.charged(),
        costUsd: plan?.costUsd ?? 0,
        bytesSent: requests * bytesOf(args),
        serverMs: this.#router.serverMs(),
      })
    }
    try {
      const { value, place, plan } = await this.#router.answer<EditResult>(
        request,
        { ...here, device: this.#asItIs(device) },
        (at, stop) => this.#ask(at, args, stop),
        { ...(signal ? { signal } : {}), told },
      )
      entry(place, plan)
      const requests = log.requests()
      const receipt = {
        ...value.receipt,
        why: plan.why,
        totalMs: this.#clock.now() - from,
        bytesSent: requests * bytesOf(args),
        costUsd: log.charged() * plan.costUsd,
        attempts: log.attempts(value.receipt, device.backend),
      }
      return { ...value, receipt }
    } catch (error) {
      entry(null, log.plan)
      throw error
    }
  }

  async #ask(place: Place, args: EditArgs, stop: AbortSignal): Promise<Given<EditResult>> {
    if (place === 'server') return { value: await this.#by.server(args, stop) }
    this.#onDevice++
    try {
      const value = await this.#by.device(args, stop)
      const { passes, inputTokens, cachedTokens, outputTokens, totalMs } = value.receipt
      if (passes === 0) return { value, work: null } // known, or by rules: no pace of the model's
      this.#usualMs += (this.#usualMs === 0 ? 1 : GAIN) * (totalMs - this.#usualMs)
      this.#promptTokens += GAIN * (inputTokens - tokensOf(args.text) - this.#promptTokens)
      const work = { passes, outputTokens, readTokens: inputTokens - cachedTokens }
      return { value, ownMs: totalMs, work }
    } finally {
      this.#onDevice--
    }
  }
}

const tokensOf = (text: string) => Math.ceil(text.length / LETTERS_A_TOKEN) + 1
const bytesOf = (args: EditArgs) => new TextEncoder().encode(JSON.stringify(args)).length

/** The tries of one edit, as receipt and ledger want them. */
class TryLog {
  plan: Plan | null = null
  #tries: Tried[] = []

  /** Each comes twice, as it begins and as it ends; the same object. */
  hear(plan: Plan, tried: Tried): void {
    this.plan = plan
    if (!this.#tries.includes(tried)) this.#tries.push(tried)
  }
  /** Of the server, one that failed included: its text was sent. */
  requests(): number {
    return this.#tries.filter(({ place }) => place === 'server').length
  }
  charged(): number {
    return this.#tries.filter(({ place, end }) => place === 'server' && CHARGED.has(end)).length
  }
  /** The one that answered comes last; its place may have had attempts of its own. */
  attempts(receipt: Receipt, device: DeviceFacts['backend'] = 'wasm'): Attempt[] {
    const others = this.#tries.filter(({ end }) => end !== 'ok')
    const own = others.map(({ place, end, ms }): Attempt => {
      return { source: place, backend: place === 'device' ? device : 'native', outcome: end, ms }
    })
    return [...own, ...receipt.attempts]
  }
}
