/** A clock that a test moves. Promises settle between its events. */
import type { Clock } from '../router/clock.ts'

export class ManualClock implements Clock {
  #now = 0
  #events: { at: number; call: () => void }[] = []

  now(): number {
    return this.#now
  }
  after(ms: number, call: () => void): () => void {
    const event = { at: this.#now + ms, call }
    this.#events.push(event)
    return () => {
      this.#events = this.#events.filter((other) => other !== event)
    }
  }
  sleep(ms: number): Promise<void> {
    return new Promise((done) => this.after(ms, done))
  }
  /** Lets so much time pass, event by event. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await settled()
    for (;;) {
      const next = this.#events.toSorted((a, b) => a.at - b.at)[0]
      if (!next || next.at > until) break
      this.#events = this.#events.filter((other) => other !== next)
      this.#now = next.at
      next.call()
      await settled()
    }
    this.#now = until
  }
}

const settled = () => new Promise((done) => setTimeout(done))
