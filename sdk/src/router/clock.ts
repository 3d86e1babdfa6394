/** Time as the router sees it, so that tests and bench/route can let it pass as they like. */
export interface Clock {
  /** Milliseconds of a clock that does not go back. */
  now(): number
  /** Calls once, `ms` from now; what it returns takes that back. */
  after(ms: number, call: () => void): () => void
}

export const realClock: Clock = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}
