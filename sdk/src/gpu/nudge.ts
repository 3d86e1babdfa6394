/**
 * Asks the browser to look whether submitted work has ended. Chromium's GPU process looks when a
 * command arrives and otherwise every 1 to 2 ms, which is as long as a pass takes: an empty submit
 * is such a command. Owns when to send one; knows nothing of what is waited for.
 * Measured: docs/performance.md, "Where it goes on a GPU".
 */

export class Nudge {
  /** Between two; a look costs the GPU process some 20 us. 0: none. */
  everyMs = 0.05
  /** After this the browser's own looks are soon enough, and a core is spared. */
  forMs = 12
  #device: GPUDevice
  #waits: () => boolean
  #channel: MessageChannel | null = null
  #since = 0
  #last = 0
  #going = false

  /** waits: is there still something whose end is wanted? */
  constructor(device: GPUDevice, waits: () => boolean) {
    this.#device = device
    this.#waits = waits
  }

  /** Work was submitted that somebody waits for. */
  start(): void {
    this.#since = this.#last = performance.now()
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

  close(): void {
    this.#channel?.port1.close()
    this.#channel = null
  }

  #step(): void {
    const now = performance.now()
    this.#going = this.#channel !== null && this.#waits() && now - this.#since < this.forMs
    if (!this.#going) return
    if (now - this.#last >= this.everyMs) {
      this.#last = now
      this.#device.queue.submit([])
    }
    this.#channel!.port2.postMessage(null)
  }
}
