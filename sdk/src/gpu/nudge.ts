/**
 * Asks the browser to look whether submitted work has ended. Chromium's GPU process looks when a
 * command arrives and otherwise every 1 to 2 ms, which is as long as a pass takes: an empty submit
 * is such a command. Owns when to send one: not before the work could have ended, for each look
 * holds up the device's next commands. Knows nothing of what is waited for.
 * Measured: docs/performance.md, "Where it goes on a GPU".
 */

export class Nudge {
  /** Between two; a look costs the GPU process some 20 us. 0: none. */
  everyMs = 0.1
  /** So long after the first look, or a later submit, the browser's own are soon enough, and a core is spared. */
  forMs = 12
  #device: GPUDevice
  #waits: () => boolean
  #channel: MessageChannel | null = null
  #since = 0
  #submitted = 0
  #last = 0
  #work = 0
  /** By dispatches: ms that the quickest of so many took of late. Passes of a model are alike. */
  #quickest = new Map<number, number>()
  #going = false

  /** waits: is there still something whose end is wanted? */
  constructor(device: GPUDevice, waits: () => boolean) {
    this.#device = device
    this.#waits = waits
  }

  /** Work was submitted that somebody waits for: so many dispatches, at least 1. */
  start(work: number): void {
    const now = performance.now()
    if (this.#work === 0) this.#since = now
    this.#work += work
    this.#submitted = this.#last = now
    if (this.#going || this.everyMs === 0) return
    this.#going = true
    if (!this.#channel) {
      this.#channel = new MessageChannel()
      const port: MessagePort & { unref?(): void } = this.#channel.port1
      port.onmessage = () => this.#step()
      port.unref?.() // in node an open port keeps the process
    }
    this.#channel.port2.postMessage(null)
  }

  /** Something that was waited for has ended. */
  end(): void {
    if (this.#waits()) return
    const took = performance.now() - this.#since
    const before = this.#quickest.get(this.#work) ?? took
    if (this.#quickest.size >= SIZES_MAX) this.#quickest.clear()
    this.#quickest.set(this.#work, Math.min(took, before * FADES))
    this.#work = 0
  }

  close(): void {
    this.#channel?.port1.close()
    this.#channel = null
  }

  #step(): void {
    const now = performance.now()
    const first = this.#since + PART * (this.#quickest.get(this.#work) ?? 0)
    const soon = first - this.#submitted < this.forMs // what takes long is left to the browser
    const due = soon && now - Math.max(first, this.#submitted) < this.forMs
    this.#going = this.#channel !== null && this.#waits() && due
    if (!this.#going) return
    if (now >= first && now - this.#last >= this.everyMs) {
      this.#last = now
      this.#device.queue.submit([])
    }
    this.#channel!.port2.postMessage(null)
  }
}

/** Looked for from this part of the quickest on: some of what is measured is the way there and back. */
const PART = 0.8
/** A quickest one fades with each that was slower: clocks and loads change. */
const FADES = 1.01
const SIZES_MAX = 64
