/**
 * The router of one page: facts in, a plan, the plan followed, and what was learned kept. Joins
 * route.ts (the rule), measures.ts (what is known) and run.ts (one request). Knows neither the
 * engine nor HTTP: who asks says how each place is asked.
 */
import type {
  DeviceFacts,
  Place,
  Plan,
  Route,
  RouteFacts,
  ServerFacts,
  UserFacts,
} from '../route.ts'
import type { Clock } from './clock.ts'
import { Measures, type Trying, type Work } from './measures.ts'
import { LateError, runPlan, type Tried, type TryEnd } from './run.ts'

/** Of a request, what the choice depends on. */
export type RouteRequest = Pick<
  RouteFacts,
  'offered' | 'inputTokens' | 'outputTokens' | 'deadlineMs' | 'patienceMs' | 'secondUsd' | 'mode'
>
/** What holds right now; what was measured is the router's own. */
export interface Circumstances {
  device: Pick<
    DeviceFacts,
    | 'state'
    | 'backend'
    | 'loadingMs'
    | 'progress'
    | 'queueMs'
    | 'cachedTokens'
    | 'ctxTokensMax'
    | 'memoryNeedBytes'
    | 'memoryRoomBytes'
  >
  server: Pick<ServerFacts, 'reachable' | 'rttMs' | 'inputUsd' | 'outputUsd' | 'budgetUsd'>
  user?: UserFacts
}
/**
 * An answer as a place gives it. ownMs: without waiting for others' work; work: as counted; null: it
 * took none, and says nothing of the place's pace.
 */
export interface Given<T> {
  value: T
  ownMs?: number
  work?: Work | null
}
/**
 * How a place is asked. Rejects with a NearfieldError whose code says whether another may do better
 * (run.ts).
 */
export type AskPlace<T> = (place: Place, signal: AbortSignal) => Promise<Given<T>>
export interface Routed<T> {
  value: T
  place: Place
  plan: Plan
  tries: Tried[]
}
interface AnswerOptions {
  signal?: AbortSignal
  /** Hears every try as it begins and as it ends. */
  told?: (plan: Plan, tried: Tried) => void
}

/** A place that is asked to be known is let finish for so long. */
const PROBE_MS = 10_000

export class Router {
  #route: Route
  #clock: Clock
  #measures: Measures

  constructor(route: Route, clock: Clock) {
    this.#route = route
    this.#clock = clock
    this.#measures = new Measures(route)
  }

  /** How long the server usually takes to answer; null: it was never asked. */
  serverMs(): number | null {
    return this.#measures.knows('server') ? this.#measures.serverFacts(0).firstTokenMs : null
  }

  /** What would be done now. */
  plan(request: RouteRequest, { device, server, user = {} }: Circumstances): Plan {
    const now = this.#clock.now()
    return this.#route.plan({
      ...request,
      passes: this.#measures.passesOf(request.outputTokens),
      device: { ...this.#measures.deviceFacts(now), ...device },
      server: { ...this.#measures.serverFacts(now), ...server },
      user,
    })
  }

  /** Resolves with the first valid answer; rejects as runPlan does. */
  async answer<T>(
    request: RouteRequest,
    circumstances: Circumstances,
    ask: AskPlace<T>,
    { signal, told }: AnswerOptions = {},
  ): Promise<Routed<T>> {
    const plan = this.plan(request, circumstances)
    const expected: Work = {
      readTokens: Math.max(0, request.inputTokens - (circumstances.device.cachedTokens ?? 0)),
      outputTokens: request.outputTokens,
      passes: this.#measures.passesOf(request.outputTokens),
    }
    const asked = new Asked(this.#measures, this.#clock, plan, expected)
    const watch = {
      begin: (tried: Tried) => {
        asked.begin(tried)
        told?.(plan, tried)
      },
      end: (tried: Tried) => {
        asked.end(tried)
        told?.(plan, tried)
      },
    }
    const known = plan.second === null || this.#measures.knows(plan.second)
    const go = (place: Place, stop: AbortSignal) =>
      place === plan.second && !known
        ? asked.toTheEnd(place, ask, stop, signal)
        : asked.ask(place, ask, stop)
    const options = { clock: this.#clock, watch, ...(signal ? { signal } : {}) }
    const { answer, place, tries } = await runPlan(plan, go, options)
    return { value: answer.value, place, plan, tries }
  }
}

/** The tries of one request, and what is learned of each. */
class Asked {
  #measures: Measures
  #clock: Clock
  #plan: Plan
  #expected: Work
  #trying = new Map<Place, Trying>()
  /** Those that were asked because the other was late. */
  #hedges = new Set<Place>()
  #given = new Map<Place, Pick<Given<unknown>, 'ownMs' | 'work'>>()
  /** Places that learn() waits for, whoever answered first. */
  #probing = new Set<Place>()

  constructor(measures: Measures, clock: Clock, plan: Plan, expected: Work) {
    this.#measures = measures
    this.#clock = clock
    this.#plan = plan
    this.#expected = expected
  }

  begin({ place, hedge }: Tried): void {
    if (hedge) this.#hedges.add(place)
    else this.#hedges.delete(place)
    const isFirst = place === this.#plan.first
    const trying = {
      place,
      onTrial: isFirst && this.#plan.onTrial,
      guessMs: isFirst ? this.#plan.expectedMs : 0,
    }
    this.#trying.set(place, this.#measures.begin(trying, this.#clock.now()))
  }
  end({ place, ...tried }: Tried): void {
    if (!this.#probing.has(place)) this.#learn(place, tried)
  }
  async ask<T>(place: Place, ask: AskPlace<T>, signal: AbortSignal): Promise<Given<T>> {
    const got = await ask(place, signal)
    this.#given.set(place, got)
    return got
  }

  /**
   * A place nobody knows yet is not cancelled when the other was first (over): it has been paid for.
   * One that is asked because the other has failed is waited for; its time begins when it is over.
   */
  async toTheEnd<T>(
    place: Place,
    ask: AskPlace<T>,
    over: AbortSignal,
    signal?: AbortSignal,
  ): Promise<Given<T>> {
    const stop = new AbortController()
    const done = new AbortController()
    const limit = () => {
      const untime = this.#clock.after(PROBE_MS, () => stop.abort(new LateError(place, PROBE_MS)))
      done.signal.addEventListener('abort', untime)
    }
    const hedge = this.#hedges.has(place)
    if (hedge) limit()
    else over.addEventListener('abort', limit, { signal: done.signal })
    signal?.addEventListener('abort', () => stop.abort(signal.reason), { signal: done.signal })
    this.#probing.add(place)
    const from = this.#clock.now()
    let end: TryEnd = 'timeout'
    try {
      const got = await this.ask(place, ask, stop.signal)
      end = 'ok'
      return got
    } catch (error) {
      if (signal?.aborted) end = 'cancelled'
      else if (!stop.signal.aborted) end = 'network'
      throw error
    } finally {
      done.abort()
      this.#learn(place, { end, ms: this.#clock.now() - from, hedge })
    }
  }

  #learn(place: Place, tried: Omit<Tried, 'place'>): void {
    const { ownMs = tried.ms, work } = (tried.end === 'ok' && this.#given.get(place)) || {}
    const ended = { ...tried, ms: ownMs }
    this.#measures.end(this.#trying.get(place)!, ended, this.#expected, this.#clock.now(), work)
  }
}
