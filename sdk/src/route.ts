/**
 * Where an edit runs: nf_route of include/nearfield.h, and what it is told of each place, in a
 * module of 4 KB that the page itself holds (ADR 0020). Owns the layout of its row. Does not
 * measure, wait or send anything: router/. What the facts mean, and the rule: docs/router.md.
 */

import { NearfieldError } from './error.ts'
import { fetchModule } from './fetch_module.ts'
import type { RouteMode } from './types.ts'

export type Place = 'device' | 'server'
export type BreakerState = 'closed' | 'half_open' | 'open'

/** Times are milliseconds. What is not known is left out. */
export interface DeviceFacts {
  state: 'absent' | 'loading' | 'ready' | 'busy' | 'lost'
  /** For guesses, where nothing was measured. */
  backend?: 'wasm' | 'webgpu' | 'native'
  breaker?: BreakerState
  /** Loading: since it began, and how far it is (0..1). The rest is extrapolated. */
  loadingMs?: number
  progress?: number
  /** Busy: of the work before this edit. */
  queueMs?: number
  /** Measured: of a pass of the model, of a prompt token read. */
  passMs?: number
  tokenMs?: number
  /** 95th percentile of what edits took over what was expected. */
  late?: number
  /** Since the last measurement; older ones fade towards a guess. */
  ageMs?: number
  /** Prompt tokens that need no reading. */
  cachedTokens?: number
  ctxTokensMax?: number
  memoryNeedBytes?: number
  memoryRoomBytes?: number
}
export interface ServerFacts {
  reachable: boolean
  breaker?: BreakerState
  rttMs?: number
  /** From the request to the first token: mean and 95th percentile. */
  firstTokenMs?: number
  firstTokenLateMs?: number
  /** Of each further one. */
  tokenMs?: number
  ageMs?: number
  /** Of a million tokens. */
  inputUsd?: number
  outputUsd?: number
  /** What may still be spent; not given: anything. */
  budgetUsd?: number
}
export interface UserFacts {
  offline?: boolean
  saveData?: boolean
  metered?: boolean
  discharging?: boolean
  /** 0..1 */
  battery?: number
}
/** All that a plan depends on. */
export interface RouteFacts {
  /** Does the device offer the task? */
  offered: boolean
  inputTokens: number
  outputTokens: number
  /** Of the model on the device; not given: one a token. */
  passes?: number
  deadlineMs?: number
  /** Waiting that nobody minds: the preferred place goes first where it is that quick. */
  patienceMs?: number
  /** What a second less of waiting may cost; not given: money does not weigh. */
  secondUsd?: number
  mode: RouteMode
  device: DeviceFacts
  server: ServerFacts
  user?: UserFacts
}

/** What to do. */
export interface Plan {
  /** null: neither place can; see deviceWhy and serverWhy. */
  first: Place | null
  /** Where to go when the first fails; null: nowhere. */
  second: Place | null
  /** A reason's name, e.g. 'device_loading'; text: the same for a person. */
  why: string
  text: string
  /** What keeps each place out; '' nothing. */
  deviceWhy: string
  serverWhy: string
  /** No answer by then: start the second too; the first valid answer wins. null: never. */
  hedgeAfterMs: number | null
  /** No answer by then: the first has failed. null: never. */
  giveUpMs: number | null
  /** Typical, and what 19 of 20 are expected to stay below. */
  expectedMs: number
  lateMs: number
  /** Of the edit at the server. */
  costUsd: number
  /** Is `first` asked to see whether it is well again? */
  onTrial: boolean
}

/** Exports of nearfield-route.wasm: src/api/route_wasm.c. */
interface Exports {
  memory: WebAssembly.Memory
  nf_wasm_route_row(): number
  nf_wasm_route(): void
  nf_wasm_route_why_name(why: number): number
  nf_wasm_route_why_text(why: number): number
  nf_wasm_latency_new(): number
  nf_wasm_latency_add(i: number, value: number): void
  nf_wasm_latency_fade(i: number, kept: number): void
  nf_wasm_latency_mean(i: number): number
  nf_wasm_latency_late(i: number): number
  nf_wasm_latency_quantile(i: number, share: number): number
  nf_wasm_latency_count(i: number): number
  nf_wasm_breaker_new(failuresMax: number, pauseMs: number): number
  nf_wasm_breaker_take(i: number, nowMs: number): number
  nf_wasm_breaker_give(i: number, era: number, outcome: number, nowMs: number): void
  nf_wasm_breaker_state(i: number, nowMs: number): number
}

const MODES = ['prefer_on_device', 'only_on_device', 'only_in_cloud', 'prefer_in_cloud']
const STATES = ['absent', 'loading', 'ready', 'busy', 'lost']
const BACKENDS = ['wasm', 'webgpu', 'native']
const BREAKERS = ['closed', 'half_open', 'open'] as const
const PLACES = [null, 'device', 'server'] as const
const OUTCOMES = ['ok', 'failed', 'neutral'] as const
export type TryOutcome = (typeof OUTCOMES)[number]

/** A word that is none is -1: the strictest. */
const index = (words: readonly string[], word: string | undefined) =>
  word === undefined ? 0 : words.indexOf(word)
const micro = (usd = 0) => usd * 1e6

/** In the order of route_wasm.c. */
function rowOf(f: RouteFacts): number[] {
  const { device: d, server: s, user: u = {} } = f
  return [
    ...[f.offered, f.inputTokens, f.outputTokens, f.passes],
    ...[f.deadlineMs, f.patienceMs, micro(f.secondUsd), MODES.indexOf(f.mode)],
    ...[STATES.indexOf(d.state), index(BACKENDS, d.backend), index(BREAKERS, d.breaker)],
    ...[d.loadingMs, d.progress, d.queueMs, d.passMs, d.tokenMs, d.late, d.ageMs],
    ...[d.cachedTokens, d.ctxTokensMax, d.memoryNeedBytes, d.memoryRoomBytes],
    ...[s.reachable, index(BREAKERS, s.breaker), s.rttMs, s.firstTokenMs, s.firstTokenLateMs],
    ...[s.tokenMs, s.ageMs, micro(s.inputUsd), micro(s.outputUsd)],
    ...[s.budgetUsd !== undefined, micro(s.budgetUsd)],
    ...[u.offline, u.saveData, u.metered, u.discharging, u.battery],
  ].map((fact) => Number(fact ?? 0))
}

/** How long something takes: nf_latency. */
export class Latency {
  #exports: Exports
  #i: number

  /** Only Route makes them. */
  constructor(exports: Exports, i: number) {
    this.#exports = exports
    this.#i = i
  }
  /** Of any unit between 1/16 and 65,536. */
  add(value: number): void {
    this.#exports.nf_wasm_latency_add(this.#i, value)
  }
  /** What was added is old: it counts only so much as yet, 0 to 1. */
  fade(kept: number): void {
    this.#exports.nf_wasm_latency_fade(this.#i, kept)
  }
  get count(): number {
    return this.#exports.nf_wasm_latency_count(this.#i)
  }
  /** Exponentially weighted; 0: there are no values. */
  get mean(): number {
    return this.#exports.nf_wasm_latency_mean(this.#i)
  }
  /** What 19 of 20 are expected to stay below; 0: fewer than 4 values. */
  get late(): number {
    return this.#exports.nf_wasm_latency_late(this.#i)
  }
  quantile(share: number): number {
    return this.#exports.nf_wasm_latency_quantile(this.#i, share)
  }
}

/** Leaves a place alone that keeps failing: nf_breaker. Times are of one clock. */
export class Breaker {
  #exports: Exports
  #i: number

  /** Only Route makes them. */
  constructor(exports: Exports, i: number) {
    this.#exports = exports
    this.#i = i
  }
  state(nowMs: number): BreakerState {
    return BREAKERS[this.#exports.nf_wasm_breaker_state(this.#i, Math.floor(nowMs))]!
  }
  /** May a try begin? What it came to goes to the function; null: not now. */
  take(nowMs: number): ((outcome: TryOutcome, nowMs: number) => void) | null {
    const era = this.#exports.nf_wasm_breaker_take(this.#i, Math.floor(nowMs))
    if (era < 0) return null
    return (outcome, at) =>
      this.#exports.nf_wasm_breaker_give(this.#i, era, OUTCOMES.indexOf(outcome), Math.floor(at))
  }
}

/** One instance of nearfield-route.wasm. */
export class Route {
  #exports: Exports
  #row: Float64Array
  #words: { name: string; text: string }[] = []

  private constructor(exports: Exports) {
    this.#exports = exports
    // the memory never grows, so a view may be kept
    this.#row = new Float64Array(exports.memory.buffer, exports.nf_wasm_route_row())
  }

  /** From the file's bytes; without them it is fetched from beside this script. */
  static async load(bytes?: Uint8Array<ArrayBuffer>): Promise<Route> {
    const url = new URL('./nearfield-route.wasm', import.meta.url)
    const file = bytes ?? (await fetchModule(url))
    try {
      const { instance } = await WebAssembly.instantiate(file)
      return new Route(instance.exports as unknown as Exports)
    } catch (error) {
      const line = `nearfield-route.wasm does not run in this browser: ${error}`
      throw new NearfieldError('unsupported', line, { cause: error })
    }
  }

  /** Pure: the same facts give the same plan. */
  plan(facts: RouteFacts): Plan {
    this.#row.set(rowOf(facts))
    this.#exports.nf_wasm_route()
    const at = (i: number) => this.#row[i]!
    const { name, text } = this.#why(at(2))
    return {
      first: PLACES[at(0)] ?? null,
      second: PLACES[at(1)] ?? null,
      why: name,
      text,
      deviceWhy: this.#why(at(3)).name,
      serverWhy: this.#why(at(4)).name,
      hedgeAfterMs: at(5) < 0 ? null : at(5),
      giveUpMs: at(6) < 0 ? null : at(6),
      expectedMs: at(7),
      lateMs: at(8),
      costUsd: at(9) / 1e6,
      onTrial: at(10) !== 0,
    }
  }

  latency(): Latency {
    return new Latency(this.#exports, slot(this.#exports.nf_wasm_latency_new(), 'latency'))
  }

  breaker(failuresMax: number, pauseMs: number): Breaker {
    const made = this.#exports.nf_wasm_breaker_new(failuresMax, pauseMs)
    return new Breaker(this.#exports, slot(made, 'breaker'))
  }

  #why(code: number): { name: string; text: string } {
    this.#words[code] ??= {
      name: this.#cString(this.#exports.nf_wasm_route_why_name(code)),
      text: this.#cString(this.#exports.nf_wasm_route_why_text(code)),
    }
    return this.#words[code]
  }
  #cString(at: number): string {
    const bytes = new Uint8Array(this.#exports.memory.buffer, at)
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))
  }
}

function slot(i: number, what: string): number {
  if (i < 0) throw new NearfieldError('no_memory', `the router holds no further ${what}`)
  return i
}
