/**
 * Trying again: what fails because the server cannot be reached, or says so itself, is asked again
 * after 1, 2, 4, ... 15 seconds, at once when the browser is online again, until it is aborted.
 */
import { JobError } from './problem'

const FIRST_MS = 1000
const LONGEST_MS = 15_000

export class Patience {
  readonly #signal: AbortSignal
  readonly #tell: (lost: string | null) => void
  #tries = 0
  /** Ends the wait there is. */
  hurry: () => void = () => undefined

  /** tell: why it waits, null when it goes on. */
  constructor(signal: AbortSignal, tell: (lost: string | null) => void) {
    this.#signal = signal
    this.#tell = tell
  }

  /** Rejects with what trying again does not mend, or the signal's reason. */
  async persist<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await act()
        this.#signal.throwIfAborted()
        this.heard()
        return result
      } catch (error) {
        this.#signal.throwIfAborted()
        if (!(error instanceof JobError) || !error.passes) throw error
        this.#tell(error.message)
        await this.wait(error.retryAfterMs)
      }
    }
  }

  /** Something came: the connection is there. `more` false: it brought nothing on yet. */
  heard(more = true): void {
    if (more) this.#tries = 0
    this.#tell(null)
  }

  wait(leastMs = 0): Promise<void> {
    const ms = Math.max(leastMs, Math.min(FIRST_MS * 2 ** this.#tries, LONGEST_MS))
    this.#tries += 1
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        removeEventListener('online', end)
        this.#signal.removeEventListener('abort', end)
        if (this.#signal.aborted) reject(this.#signal.reason)
        else resolve()
      }
      const timer = setTimeout(end, ms)
      this.hurry = end
      addEventListener('online', end)
      this.#signal.addEventListener('abort', end)
      if (this.#signal.aborted) end()
    })
  }
}
