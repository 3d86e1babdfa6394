/**
 * What runs next on the one session of an engine, and when it gives way. Owns priorities,
 * pre-emption and cancel; knows nothing of edits (engine.ts). A superseded request is a cancelled
 * one by the time it is here (nearfield.ts).
 *
 * One job runs at a time. Between two passes of the model it asks `turn.pass()`, where messages
 * come in; there it ends when it was cancelled, and gives way when something more urgent waits. A
 * job that gave way begins again later, before all others of its priority: the session holds one
 * edit, a second session would cost a second KV cache, and a restart costs only the passes of one
 * edit (the constant prompt stays in the cache). Nothing here uses a timer: a hidden page
 * throttles those.
 */
import type { Priority } from '../types.ts'

const RANK: Record<Priority, number> = { now: 0, focus: 1, next: 2, idle: 3 }

export interface JobOptions {
  signal: AbortSignal
  /** Default 'now'. Of one priority the oldest goes first. */
  priority?: Priority | undefined
}

/** What a running job holds. */
export interface Turn {
  /**
   * To be awaited between two passes, with what the next pass waits for, if anything. Throws when
   * the job must stop; the job may clean up and must let it through.
   */
  pass(until?: Promise<unknown>): Promise<void>
}

interface Job {
  rank: number
  /** Cancelled or done; whoever waits has heard already. */
  ended: boolean
  run(turn: Turn): Promise<unknown>
  end(reason: unknown): void
  resolve(value: unknown): void
}

/** Thrown by pass() into a job that gives way; never leaves this file. */
const gaveWay = new Error('gave way to a more urgent job')
const stopped = new Error('was cancelled')

export class Scheduler {
  /** In the order they are to run: by rank, then by age. */
  #waiting: Job[] = []
  #running: Job | null = null

  /** Runs `work` in its turn; it must leave nothing behind that a second call would trip over. */
  run<T>({ signal, priority = 'now' }: JobOptions, work: (turn: Turn) => Promise<T>): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => job.end(signal.reason)
      const job: Job = {
        rank: RANK[priority] ?? RANK.now,
        ended: false,
        run: work,
        resolve: (value) => {
          signal.removeEventListener('abort', onAbort)
          resolve(value as T)
        },
        end: (reason) => {
          if (job.ended) return
          job.ended = true
          signal.removeEventListener('abort', onAbort)
          this.#waiting = this.#waiting.filter((other) => other !== job)
          reject(reason)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const at = this.#waiting.findIndex((other) => other.rank > job.rank)
      this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, job)
      this.#next()
    })
  }

  #next(): void {
    const job = this.#running ? undefined : this.#waiting.shift()
    if (job) void this.#run(job)
  }

  async #run(job: Job): Promise<void> {
    this.#running = job
    try {
      job.resolve(await job.run({ pass: (until) => this.#pass(job, until) }))
      job.ended = true
    } catch (error) {
      if (error !== gaveWay) job.end(error)
    } finally {
      this.#running = null
      // First of its rank: it is older than all that wait there.
      if (!job.ended) {
        const at = this.#waiting.findIndex((other) => other.rank >= job.rank)
        this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, job)
      }
      this.#next()
    }
  }

  async #pass(job: Job, until: Promise<unknown> | undefined): Promise<void> {
    await (until ?? breathe())
    if (job.ended) throw stopped
    const [first] = this.#waiting
    if (first && first.rank < job.rank) throw gaveWay
  }
}

const { port1, port2 } = new MessageChannel()
const waiting: (() => void)[] = []
port1.onmessage = () => waiting.shift()?.()

/** Lets waiting messages in (a microtask would not; setTimeout would cost 4 ms). */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    port2.postMessage(null)
  })
}
