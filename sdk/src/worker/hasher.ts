/**
 * SHA-256 of chunks beside what this worker does: Chromium hashes on the thread that asks, so a
 * worker of its own is asked. A buffer goes there and comes back; nothing is copied on the way. Owns
 * that worker. Where there is none, or it has failed, hashes are made here (model/hash.ts).
 */
import { hashHex } from '../model/hash.ts'
import type { HashAsked, HashTold } from '../protocol.ts'
import { scriptUrl } from '../trusted.ts'

export class Hasher {
  #worker: Worker | null = null
  /** Of chunks that are there, in order. */
  #waiting: ((told: HashTold | null) => void)[] = []

  constructor() {
    if (!globalThis.Worker || !globalThis.crypto?.subtle) return // hashHex() says what is missing
    try {
      // This very script, as in threads.ts.
      this.#worker = new Worker(scriptUrl(self.location.href), {
        type: 'module',
        name: 'nearfield hashes',
      })
    } catch {
      return
    }
    this.#worker.onmessage = ({ data }: MessageEvent<HashTold>) => this.#waiting.shift()?.(data)
    this.#worker.onerror = () => this.close()
  }

  /** `bytes` is gone; what resolves has it again. null: it was lost, with the worker. */
  async hash(bytes: Uint8Array<ArrayBuffer>): Promise<HashTold | null> {
    const worker = this.#worker
    if (!worker) return { hash: await hashHex(bytes), bytes }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      worker.postMessage({ kind: 'hash', bytes } satisfies HashAsked, [bytes.buffer])
    })
  }

  close(): void {
    this.#worker?.terminate()
    this.#worker = null
    for (const resolve of this.#waiting.splice(0)) resolve(null)
  }
}

/** In the hashes' own worker. */
export async function tellHash({ bytes }: HashAsked): Promise<void> {
  const told: HashTold = { hash: await hashHex(bytes), bytes }
  self.postMessage(told, { transfer: [bytes.buffer] })
}
