/**
 * A model among the tabs of this browser: which of them downloads, and news that a chunk was kept.
 * Owns a Web Lock, given back by the browser when its tab ends in whatever way, and a
 * BroadcastChannel, which only spares waiting: whoever gets the lock looks for himself.
 * Does not own files (store.ts) or the order of things (load.ts).
 */

import { turnName } from '../model/room.ts'

export class Tabs {
  /** It is this tab's turn: nobody else downloads or writes. */
  leads = false
  readonly #name: string
  readonly #channel: BroadcastChannel | null
  readonly #end = new AbortController()
  readonly #signal: AbortSignal
  #turn: Promise<void> | null = null
  #giveBack: () => void = () => {}
  #heard = false
  #wake: () => void = () => {}

  constructor(sha256: string, signal: AbortSignal) {
    this.#name = turnName(sha256)
    this.#signal = AbortSignal.any([signal, this.#end.signal])
    this.#channel = globalThis.BroadcastChannel ? new BroadcastChannel(this.#name) : null
    if (!this.#channel) return
    this.#channel.onmessage = () => {
      this.#heard = true
      this.#wake()
    }
  }

  /** Another chunk is kept. */
  tell(): void {
    this.#channel?.postMessage(null)
  }

  /** Resolves when it is this tab's turn, which lasts until close(). Rejects as aborted. */
  turn(): Promise<void> {
    this.#turn ??= new Promise((resolve, reject) => {
      const lead = () => {
        this.leads = true
        resolve()
      }
      if (!globalThis.navigator?.locks) return lead()
      const held = navigator.locks.request(this.#name, { signal: this.#signal }, () => {
        lead()
        return new Promise<void>((giveBack) => {
          this.#giveBack = giveBack
        })
      })
      held.catch((error: unknown) => {
        // A sandboxed frame has neither locks nor storage: nobody to share with.
        if (error instanceof DOMException && error.name === 'SecurityError') lead()
        else reject(error)
      })
    })
    this.#turn.catch(() => {}) // told to whoever waits
    return this.#turn
  }

  /** Resolves when it is this tab's turn, or when another has kept a chunk since the last time. */
  async turnOrNews(): Promise<void> {
    const turn = this.turn()
    if (!this.#heard) {
      const news = new Promise<void>((wake) => {
        this.#wake = wake
      })
      await Promise.race([turn, news])
    }
    this.#heard = false
  }

  close(): void {
    this.leads = false
    this.#end.abort()
    this.#giveBack()
    this.#channel?.close()
  }
}
