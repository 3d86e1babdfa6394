import { describe, expect, it } from 'vitest'
import { takeSeat } from './tabs'

/** Web Locks for one name, as the specification has them, without a browser. */
class FakeLocks {
  #held = false
  #waiting: (() => void)[] = []

  async request(
    _name: string,
    options: LockOptions,
    callback: (lock: Lock | null) => Promise<void> | undefined,
  ): Promise<void> {
    if (this.#held && options.ifAvailable) return callback(null)
    if (this.#held) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve)
        options.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))
      })
    }
    this.#held = true
    await callback({ name: _name, mode: 'exclusive' })
    this.#held = false
    this.#waiting.shift()?.()
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve))

describe('takeSeat', () => {
  it('the first writes, the second reads and takes over', async () => {
    const locks = new FakeLocks() as unknown as LockManager
    const first = await takeSeat('a', () => undefined, locks)
    let promoted = 0
    const second = await takeSeat('a', () => (promoted += 1), locks)
    expect([first.writer, second.writer]).toEqual([true, false])
    expect(promoted).toBe(0)
    first.release()
    await turn()
    expect(promoted).toBe(1)
  })

  it('a reader that left is not promoted', async () => {
    const locks = new FakeLocks() as unknown as LockManager
    const first = await takeSeat('a', () => undefined, locks)
    let promoted = 0
    const second = await takeSeat('a', () => (promoted += 1), locks)
    second.release()
    first.release()
    await turn()
    expect(promoted).toBe(0)
  })

  it('without Web Locks every tab writes', async () => {
    expect((await takeSeat('a', () => undefined, null as unknown as undefined)).writer).toBe(true)
  })
})
