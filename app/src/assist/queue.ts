/**
 * Which edit runs next: one at a time (the engine is one worker), a person's before a batch's
 * before a prefetch's. Owns superseding by (cue id, text) and cancelling; knows no React and
 * not what becomes of a result (assist.ts).
 */
import type { EditRequest, EditResult } from 'nearfield'
import type { CueId } from '../document/cue'

export type Lane = 'asked' | 'batch' | 'prefetch'
const LANES: readonly Lane[] = ['asked', 'batch', 'prefetch']

export type Outcome =
  | { readonly kind: 'done'; readonly result: EditResult }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface Job {
  readonly cueId: CueId
  readonly lane: Lane
  readonly request: EditRequest
}

interface Entry extends Job {
  readonly abort: AbortController
  readonly settle: (outcome: Outcome) => void
  settled: boolean
}

export type EditFunction = (request: EditRequest) => Promise<EditResult>

const isAbort = (error: unknown) =>
  typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'

export class EditQueue {
  #waiting: Entry[] = []
  #running: Entry | null = null
  #edit: EditFunction | null = null

  /** Null while no engine is open: jobs wait. */
  setEngine(edit: EditFunction | null): void {
    this.#edit = edit
    this.#next()
  }

  get size(): number {
    return this.#waiting.length + (this.#running && !this.#running.settled ? 1 : 0)
  }

  /** A new job of a lane replaces the same cue's older one there; asked also replaces prefetch. */
  add(job: Job): Promise<Outcome> {
    this.cancel(
      (old) =>
        old.cueId === job.cueId &&
        (old.lane === job.lane || (job.lane === 'asked' && old.lane === 'prefetch')),
    )
    return new Promise((resolve) => {
      const abort = new AbortController()
      const entry: Entry = {
        ...job,
        abort,
        settled: false,
        settle: (outcome) => {
          if (entry.settled) return
          entry.settled = true
          resolve(outcome)
        },
      }
      this.#waiting.push(entry)
      if (job.lane === 'asked' && this.#running?.lane === 'prefetch') this.#stop(this.#running)
      this.#next()
    })
  }

  /** Cancels what waits and what runs, wherever `which` says so. */
  cancel(which: (job: Job) => boolean): void {
    const dropped = this.#waiting.filter(which)
    this.#waiting = this.#waiting.filter((entry) => !dropped.includes(entry))
    for (const entry of dropped) entry.settle({ kind: 'cancelled' })
    if (this.#running && which(this.#running)) this.#stop(this.#running)
  }

  #stop(entry: Entry): void {
    entry.settle({ kind: 'cancelled' })
    entry.abort.abort()
  }

  #next(): void {
    if (this.#running || !this.#edit) return
    const lane = LANES.find((lane) => this.#waiting.some((entry) => entry.lane === lane))
    const at = this.#waiting.findIndex((entry) => entry.lane === lane)
    const entry = this.#waiting[at]
    if (!entry) return
    this.#waiting.splice(at, 1)
    this.#running = entry
    void this.#run(entry, this.#edit)
  }

  async #run(entry: Entry, edit: EditFunction): Promise<void> {
    try {
      const result = await edit({ ...entry.request, signal: entry.abort.signal })
      entry.settle({ kind: 'done', result })
    } catch (error) {
      entry.settle(isAbort(error) ? { kind: 'cancelled' } : { kind: 'failed', error })
    } finally {
      this.#running = null
      this.#next()
    }
  }
}
