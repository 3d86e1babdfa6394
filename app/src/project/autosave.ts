/**
 * When to save: 500 ms after the last change, at once when the page is left, never two at a
 * time, and the newest value always last. Owns timing only; what saving is, is given.
 */
export type SaveState = 'saved' | 'waiting' | 'saving' | 'failed'

const REST_MS = 500

export class Autosave<T> {
  readonly #write: (value: T) => Promise<void>
  readonly #report: (state: SaveState, error?: unknown) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #next: { readonly value: T } | null = null
  #running: Promise<void> | null = null

  constructor(
    write: (value: T) => Promise<void>,
    report: (state: SaveState, error?: unknown) => void,
  ) {
    this.#write = write
    this.#report = report
  }

  change(value: T): void {
    this.#next = { value }
    this.#report('waiting')
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.flush(), REST_MS)
  }

  /** Resolves when nothing is left to write (or writing failed; the report says so). */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#running) await this.#running
    if (!this.#next) return
    const { value } = this.#next
    this.#next = null
    this.#report('saving')
    this.#running = this.#write(value).then(
      () => this.#report(this.#next ? 'waiting' : 'saved'),
      (error) => {
        // Kept for the next attempt unless something newer came in the meantime.
        this.#next ??= { value }
        this.#report('failed', error)
      },
    )
    await this.#running
    this.#running = null
  }

  /** Forget what was not written: another project takes over. */
  drop(): void {
    clearTimeout(this.#timer)
    this.#next = null
  }
}
