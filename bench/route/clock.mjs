// Time that passes only when nothing else is left to do: events in order of their time, and all
// promises settled between two of them. Same seed, same run, whatever the machine.

/** A binary heap of [time, number, call]. */
export class VirtualClock {
  #heap = []
  #now = 0
  #count = 0

  now() {
    return this.#now
  }
  after(ms, call) {
    const event = { at: this.#now + Math.max(0, ms), order: this.#count++, call }
    this.#push(event)
    return () => {
      event.call = null
    }
  }
  sleep(ms) {
    return new Promise((done) => this.after(ms, done))
  }
  /** Until there are no events left. */
  async run() {
    for (let event = this.#pop(); event; event = this.#pop()) {
      if (!event.call) continue
      this.#now = event.at
      event.call()
      await new Promise(setImmediate) // every promise that can settle has
    }
  }

  #before(a, b) {
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }
  #push(event) {
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!this.#before(heap[i], heap[up])) break
      ;[heap[i], heap[up]] = [heap[up], heap[i]]
      i = up
    }
  }
  #pop() {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0) return first
    heap[0] = last
    for (let i = 0; ; ) {
      let least = i
      for (const down of [2 * i + 1, 2 * i + 2])
        if (down < heap.length && this.#before(heap[down], heap[least])) least = down
      if (least === i) return first
      ;[heap[i], heap[least]] = [heap[least], heap[i]]
      i = least
    }
  }
}

/** Evenly in 0..1, by name: the same draw for the same edit whatever was asked before it. */
export function draw(seed, ...names) {
  let h = seed >>> 0
  for (const name of names) {
    for (const unit of String(name)) h = Math.imul(h ^ unit.charCodeAt(0), 0x9e3779b1) >>> 0
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) >>> 0
  }
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32
}
/** Log-normal by median and sigma. */
export function around(median, sigma, seed, ...names) {
  const u = Math.max(draw(seed, ...names, 'u'), 2 ** -32)
  const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * draw(seed, ...names, 'v'))
  return median * Math.exp(sigma * normal)
}
