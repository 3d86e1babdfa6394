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
  /** Of buffers that are there, in order. */
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

  /**
   * A hash for each chunkBytes of `bytes`, which is gone; what resolves has it again. null: it was
   * lost, with the worker.
   */
  async hash(bytes: Uint8Array<ArrayBuffer>, chunkBytes: number): Promise<HashTold | null> {
    const worker = this.#worker
    if (!worker) return { hashes: await hashesOf(bytes, chunkBytes), bytes }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      worker.postMessage({ kind: 'hash', bytes, chunkBytes } satisfies HashAsked, [bytes.buffer])
    })
  }

  close(): void {
    this.#worker?.terminate()
    this.#worker = null
    for (const resolve of this.#waiting.splice(0)) resolve(null)
  }
}

/** In the hashes' own worker. */
export async function tellHashes({ bytes, chunkBytes }: HashAsked): Promise<void> {
  const told: HashTold = { hashes: await hashesOf(bytes, chunkBytes), bytes }
  self.postMessage(told, { transfer: [bytes.buffer] })
}

async function hashesOf(bytes: Uint8Array<ArrayBuffer>, chunkBytes: number): Promise<string[]> {
  const hashes: string[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    hashes.push(await hashHex(bytes.subarray(at, at + chunkBytes)))
  }
  return hashes
}
