/**
 * One piece of work at a time, first come first served; and the breath between two passes of
 * the model, in which a cancel or a new request can arrive.
 */

export class Fifo {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` when all earlier work has ended; not at all when the signal came first. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => {
      signal.throwIfAborted()
      return work()
    })
    this.#last = mine.catch(() => {})
    return mine
  }
}

const { port1, port2 } = new MessageChannel()
const waiting: (() => void)[] = []
port1.onmessage = () => waiting.shift()?.()

/** Lets waiting messages in (a microtask would not; setTimeout would cost 4 ms). */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    port2.postMessage(null)
  })
}
