/**
 * Submits on their way: each has a ticket, and the staging buffer its bytes come back in. Staging
 * buffers are kept by size and used again. Owns those; knows nothing of what was submitted.
 */
import { COPY_DST, MAP_READ } from './flags.ts'

const TICKETS_MAX = 16
const STAGING_BYTES_MIN = 256

export interface Ticket {
  state: 'free' | 'pending' | 'done'
  staging: GPUBuffer | null
  bytes: number
  /** What must still happen before it is done. */
  open: number
}

export class Tickets {
  #device: GPUDevice
  #onDone: () => void
  #onFailed: (error: unknown) => void
  #tickets: Ticket[] = []
  #spare = new Map<number, GPUBuffer[]>()
  /** Tickets that are not done. */
  pending = 0

  constructor(device: GPUDevice, onDone: () => void, onFailed: (error: unknown) => void) {
    this.#device = device
    this.#onDone = onDone
    this.#onFailed = onFailed
  }

  /** A handle, > 0. bytes: what comes back; 0: nothing. */
  take(bytes: number): number {
    let i = 0
    while (i < this.#tickets.length && this.#tickets[i]!.state !== 'free') i++
    if (i === TICKETS_MAX) throw new Error('gpu.h: 16 tickets wait for gpu_poll')
    this.#tickets[i] ??= { state: 'free', staging: null, bytes: 0, open: 0 }
    const ticket = this.#tickets[i]!
    ticket.state = 'pending'
    ticket.bytes = bytes
    ticket.open = 0
    ticket.staging = bytes === 0 ? null : this.#staging(bytes)
    this.pending++
    return i + 1
  }

  get(handle: number): Ticket {
    const ticket = this.#tickets[handle - 1]
    if (!ticket || ticket.state === 'free') throw new Error(`gpu.h: no ticket ${handle}`)
    return ticket
  }

  /** The ticket is done when all that it waits for has come. */
  waitFor(ticket: Ticket, event: Promise<unknown>): void {
    ticket.open++
    const end = () => {
      if (--ticket.open > 0 || ticket.state !== 'pending') return
      ticket.state = 'done'
      this.pending--
      this.#onDone()
    }
    event.then(end, (error: unknown) => {
      this.#onFailed(error)
      end()
    })
  }

  /**
   * Gives the ticket back, its bytes copied to `to` when that is given. One still on its way (the
   * device failed) leaves its place to a new one, so what comes late finds nobody.
   */
  end(handle: number, to: Uint8Array | null): void {
    const ticket = this.get(handle)
    const { staging, bytes } = ticket
    if (staging && staging.mapState === 'mapped') {
      if (to) to.set(new Uint8Array(staging.getMappedRange(0, bytes)))
      staging.unmap()
      const spare = this.#spare.get(staging.size)
      if (spare) spare.push(staging)
      else this.#spare.set(staging.size, [staging])
    }
    if (ticket.state === 'pending') {
      this.pending--
      this.#tickets[handle - 1] = { state: 'free', staging: null, bytes: 0, open: 0 }
    }
    ticket.state = 'free'
    ticket.staging = null
  }

  #staging(bytes: number): GPUBuffer {
    const size = Math.max(STAGING_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)))
    const usage = MAP_READ | COPY_DST
    return this.#spare.get(size)?.pop() ?? this.#device.createBuffer({ size, usage })
  }
}
