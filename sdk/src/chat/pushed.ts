/**
 * Values that somebody pushes, for somebody who iterates: an async iterator over what has come.
 * Owns the waiting. One reader; what he leaves unread is dropped.
 */
export class Pushed<T> implements AsyncIterator<T, undefined> {
  readonly #onReturn: () => void
  #values: T[] = []
  #end: { error: unknown } | 'done' | null = null
  #wake: (() => void) | null = null

  /** onReturn: the reader wants no more. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn
  }

  push(value: T): void {
    this.#values.push(value)
    this.#wake?.()
  }
  done(): void {
    this.#end ??= 'done'
    this.#wake?.()
  }
  /** After the values that came before it. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#values.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#values.length > 0) return { done: false, value: this.#values.shift()! }
    const end = this.#end
    this.#end = 'done'
    if (end && end !== 'done') throw end.error
    return { done: true, value: undefined }
  }
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#values = []
    this.done()
    this.#onReturn()
    return { done: true, value: undefined }
  }
}
