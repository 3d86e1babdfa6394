// Who runs at the same time: steps take shares of a machine of two cores, and give them back. Two
// that compute fill it and still bear two beside them that wait for sockets, disks and clocks most of
// their time (tests/server: a tenth of a core each); what is built, measured or asserts on time has
// it alone. Owns the order in which steps begin; does not know what a step is.

/** Of those that want to begin, the lowest rank is next; among equals the one that came first. */
const KINDS = {
  build: { rank: 0, share: 8 },
  waits: { rank: 1, share: 1 },
  computes: { rank: 2, share: 3 },
  alone: { rank: 3, share: 8 },
}
const WHOLE = 8

export class Cores {
  #free = WHOLE
  #came = 0
  #queue = []

  /** Runs work() when there is room for a step of that kind (a name of KINDS); its result. */
  async run(kind, work) {
    await this.#take(kind)
    try {
      return await work()
    } finally {
      this.#free += KINDS[kind].share
      this.#beginSoon()
    }
  }

  #take(kind) {
    return new Promise((begin) => {
      this.#queue.push({ ...KINDS[kind], came: this.#came++, begin })
      this.#beginSoon()
    })
  }

  /** Not before all has been asked for that this turn asks for: a build that follows a build. */
  #beginSoon() {
    setImmediate(() => this.#begin())
  }

  /** The first in the queue is waited for: what takes all of it begins, too. */
  #begin() {
    this.#queue.sort((a, b) => a.rank - b.rank || a.came - b.came)
    while (this.#queue.length > 0 && this.#queue[0].share <= this.#free) {
      const { share, begin } = this.#queue.shift()
      this.#free -= share
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
