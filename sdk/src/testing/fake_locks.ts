/** navigator.locks among the "tabs" of one test: first come, first served. For tests only. */

interface Asked {
  name: string
  mode: LockMode
  grant(): void
}

export class FakeLocks {
  readonly held: Asked[] = []
  readonly waiting: Asked[] = []

  request = <T>(
    name: string,
    ...rest: [LockOptions, (lock: Lock | null) => Promise<T>]
  ): Promise<T> => {
    const [{ mode = 'exclusive', ifAvailable = false, signal }, use] = rest
    return new Promise<T>((resolve, reject) => {
      const asked: Asked = {
        name,
        mode,
        grant: () => {
          this.held.push(asked)
          const end = () => {
            this.held.splice(this.held.indexOf(asked), 1)
            this.#next()
          }
          use({ name, mode }).finally(end).then(resolve, reject)
        },
      }
      if (ifAvailable && !this.#free(asked)) return void use(null).then(resolve, reject)
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', () => {
        const at = this.waiting.indexOf(asked)
        if (at < 0) return
        this.waiting.splice(at, 1)
        reject(signal.reason)
      })
      this.waiting.push(asked)
      queueMicrotask(() => this.#next())
    })
  }

  #free({ name, mode }: Asked): boolean {
    const held = this.held.filter((lock) => lock.name === name)
    return held.length === 0 || (mode === 'shared' && held.every((lock) => lock.mode === 'shared'))
  }

  #next(): void {
    for (const asked of [...this.waiting]) {
      if (!this.#free(asked)) continue
      this.waiting.splice(this.waiting.indexOf(asked), 1)
      asked.grant()
    }
  }
}
