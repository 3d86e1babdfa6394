// Who runs at the same time: steps take cores of a machine that has two, and give them back. What
// waits most of its time takes half a core, what computes one, what is measured or asserts on time
// both. Owns the order in which steps that wait begin; does not know what a step is.

/** Of those that wait, the lowest begins first; the order they came in decides among equals. */
export const RANK = { build: 0, waits: 1, computes: 2, alone: 3 }
const CORES = { build: 2, waits: 0.5, computes: 1, alone: 2 }

export class Cores {
  #free = 2
  #came = 0
  #queue = []

  /** Runs work() when there is room for a step of that kind (a name of RANK); its result. */
  async run(kind, work) {
    await this.#take(kind)
    try {
      return await work()
    } finally {
      this.#free += CORES[kind]
      this.#begin()
    }
  }

  #take(kind) {
    return new Promise((begin) => {
      this.#queue.push({ rank: RANK[kind], came: this.#came++, cores: CORES[kind], begin })
      // what is asked for in one turn is ranked before the first of it begins
      queueMicrotask(() => this.#begin())
    })
  }

  /** The first in the queue is waited for: what takes both cores begins, too. */
  #begin() {
    this.#queue.sort((a, b) => a.rank - b.rank || a.came - b.came)
    while (this.#queue.length > 0 && this.#queue[0].cores <= this.#free) {
      const { cores, begin } = this.#queue.shift()
      this.#free -= cores
      begin()
    }
  }
}

/** work(item) for every item, in order, at most n at a time. */
export async function each(n, items, work) {
  const queue = [...items]
  const next = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: n }, next))
}
