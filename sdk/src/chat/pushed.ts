/**
 * Values that somebody pushes, for somebody who iterates: an async iterator over what has come.
 * Owns the waiting. One reader, who may ask for several before the first has come; what he leaves
 * unread is dropped.
 */
export class Pushed<T> implements AsyncIterator<T, undefined> {
  readonly #onReturn: () => void
  #values: T[] = []
  #end: { error: unknown } | 'done' | null = null
  /** Of next() that has found nothing, in the order of the calls. */
  #waiting: ((result: Promise<IteratorResult<T, undefined>>) => void)[] = []

  /** onReturn: the reader wants no more. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn
  }

  push(value: T): void {
    if (this.#end) return
    this.#values.push(value)
    this.#waiting.shift()?.(this.#take())
  }
  done(): void {
    this.#finish('done')
  }
  /** After the values that came before it. */
  fail(error: unknown): void {
    this.#finish({ error })
  }
  #finish(end: { error: unknown } | 'done'): void {
    this.#end ??= end
    for (const settle of this.#waiting.splice(0)) settle(this.#take())
  }
  /** Of what is there; an error is told once. */
  async #take(): Promise<IteratorResult<T, undefined>> {
    if (this.#values.length > 0) return { done: false, value: this.#values.shift()! }
    const end = this.#end
    this.#end = 'done'
    if (end && end !== 'done') throw end.error
    return { done: true, value: undefined }
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#values.length > 0 || this.#end) return this.#take()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#values = []
    this.done()
    this.#onReturn()
    return { done: true, value: undefined }
  }
}
