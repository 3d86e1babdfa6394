/**
 * What the router knows of both places, learned from every try: how long a pass takes here and an
 * answer there, and a breaker each. Owns the arithmetic between tries and facts; the statistics are
 * nf_latency and nf_breaker. Lives as long as the page.
 */
import type { Breaker, Latency, Place, Route, TryOutcome } from '../route.ts'
import type { Tried } from './run.ts'

/** A prompt token costs this share of a pass (a pass reads many at once): docs/performance.md. */
const TOKEN_SHARE = 0.2
/** Of an answer's tokens, passes; until edits have told. Drafts make it less than one. */
const PASS_SHARE = 0.5
/** Failures in a row, and then the first pause. */
const FAILURES_MAX = 2
const PAUSE_MS = 2000
/** A place that was cancelled after so many times the usual has failed rather than lost a race. */
const SILENT = 3
/** A place that was not asked for so long is known less well; then its half-life. */
const FRESH_MS = 15_000
const HALF_LIFE_MS = { device: 120_000, server: 30_000 }

/** How much work an edit is: as expected before it, or as counted after. */
export interface Work {
  /** Prompt tokens that have to be read. */
  readTokens: number
  outputTokens: number
  passes: number
}

const units = ({ passes, readTokens }: Work) => passes + TOKEN_SHARE * readTokens

/** A try on its way. */
export interface Trying {
  place: Place
  /** Is it asked to see whether it is well again? */
  onTrial: boolean
  /** How long it was thought to take, without a measurement; 0: nobody thought so. */
  guessMs: number
  give: ((outcome: TryOutcome, nowMs: number) => void) | null
}

export class Measures {
  /** Milliseconds a unit of work; what edits took over what was expected; passes a token. */
  #pass: Latency
  #late: Latency
  #share: Latency
  /** Milliseconds until the server's answer, which is whole when it comes. */
  #answer: Latency
  #breakers: Record<Place, Breaker>
  #measuredAt: Record<Place, number> = { device: 0, server: 0 }

  constructor(route: Route) {
    this.#pass = route.latency()
    this.#late = route.latency()
    this.#share = route.latency()
    this.#answer = route.latency()
    this.#breakers = {
      device: route.breaker(FAILURES_MAX, PAUSE_MS),
      server: route.breaker(FAILURES_MAX, PAUSE_MS),
    }
  }

  /** Passes to expect for an answer of so many tokens. */
  passesOf(outputTokens: number): number {
    const share = this.#share.count > 0 ? this.#share.mean : PASS_SHARE
    return Math.max(1, Math.round(share * outputTokens))
  }

  /** Was it ever measured? */
  knows(place: Place): boolean {
    return (place === 'device' ? this.#pass : this.#answer).count > 0
  }
  deviceFacts(nowMs: number) {
    return {
      breaker: this.#breakers.device.state(nowMs),
      passMs: this.#pass.mean,
      tokenMs: TOKEN_SHARE * this.#pass.mean,
      late: this.#late.late,
      ageMs: nowMs - this.#measuredAt.device,
    }
  }
  serverFacts(nowMs: number) {
    return {
      breaker: this.#breakers.server.state(nowMs),
      firstTokenMs: this.#answer.mean,
      firstTokenLateMs: this.#answer.late,
      ageMs: nowMs - this.#measuredAt.server,
    }
  }

  /** A place is asked. */
  begin(trying: Omit<Trying, 'give'>, nowMs: number): Trying {
    return { ...trying, give: this.#breakers[trying.place].take(nowMs) }
  }

  /**
   * It has ended so after ms of the place's own time, without waiting for others' work. expected:
   * the work the plan counted on; done: what it was, of an answer; null: none, which measures nothing.
   */
  end(
    trying: Trying,
    { end, ms, hedge }: Omit<Tried, 'place'>,
    expected: Work,
    nowMs: number,
    done?: Work | null,
  ): void {
    const { place, onTrial } = trying
    const usual = this.#usual(place, expected) || trying.guessMs
    // one that was cut short would have taken longer still: that tells only of what is known
    const slow = end === 'cancelled' && usual > 0 && ms > usual
    if (onTrial && end === 'ok' && done !== null && ms < usual) this.#fade(place, 0) // it is well: what was, is over
    const measured = done !== null && (end === 'ok' || end === 'timeout' || slow)
    if (measured) this.#took(place, ms, expected, nowMs, done)
    // a race that it lost from the start: what is known of it still holds
    if (end === 'cancelled' && !hedge) this.#measuredAt[place] = nowMs
    const silent = slow && (onTrial || ms > SILENT * usual)
    const neutral = end === 'cancelled' && !silent
    trying.give?.(end === 'ok' ? 'ok' : neutral ? 'neutral' : 'failed', nowMs)
  }

  /** 0: nothing was measured. */
  #usual(place: Place, expected: Work): number {
    return place === 'device' ? this.#pass.mean * units(expected) : this.#answer.mean
  }

  #took(place: Place, ms: number, expected: Work, nowMs: number, done?: Work | null): void {
    const old = nowMs - this.#measuredAt[place] - FRESH_MS
    if (old > 0) this.#fade(place, 2 ** (-old / HALF_LIFE_MS[place]))
    if (place === 'server') {
      this.#answer.add(ms)
    } else {
      if (this.#pass.count > 0) this.#late.add(ms / this.#usual('device', expected))
      this.#pass.add(ms / units(done ?? expected))
      if (done && done.outputTokens > 0) this.#share.add(done.passes / done.outputTokens)
    }
    this.#measuredAt[place] = nowMs
  }

  #fade(place: Place, kept: number): void {
    if (place === 'server') this.#answer.fade(kept)
    else this.#pass.fade(kept)
  }
}
