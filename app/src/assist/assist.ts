/**
 * Suggestions: asking for one, holding it while its text still stands, batches with review,
 * prefetch into a cache. Nothing here changes the document: accepting is the editor's.
 * Knows no React. Read next: queue.ts, model.ts, ../shell/editor.ts.
 */
import type { EditRequest, EditResult, Receipt, Task } from 'nearfield'
import type { CueId } from '../document/cue'
import { createStore } from '../document/store'
import type { Model } from './model'
import { reason } from './model'
import type { Outcome } from './queue'
import { EditQueue } from './queue'

/** The tasks this app offers; the SDK has more. */
export type OfferedTask = Extract<Task, 'fix' | 'shorten'>

export interface Suggestion {
  readonly cueId: CueId
  readonly task: OfferedTask
  /** The text it is about; as soon as the cue holds another, the suggestion is gone. */
  readonly before: string
  readonly after: string
  readonly verdict: EditResult['verdict']
  readonly why: string
  readonly receipt: Receipt
}

export interface BatchItem extends Suggestion {
  readonly selected: boolean
}

export interface Batch {
  readonly task: OfferedTask
  readonly total: number
  readonly done: number
  readonly failed: number
  readonly running: boolean
  readonly cancelled: boolean
  readonly items: readonly BatchItem[]
}

export interface AssistState {
  readonly suggestions: ReadonlyMap<CueId, Suggestion>
  readonly pending: ReadonlyMap<CueId, OfferedTask>
  readonly batch: Batch | null
  readonly last: Receipt | null
}

export interface AssistHost {
  /** Null when the cue is gone. */
  request(id: CueId, task: OfferedTask): EditRequest | null
  announce(text: string): void
  /** Said and shown for a while. */
  note(text: string): void
  fail(text: string): void
}

const CACHE_MAX = 1000
const PREFETCH_REST_MS = 400

const cacheKey = ({ signal: _, context: __, ...rest }: EditRequest) => JSON.stringify(rest)

export class Assist {
  readonly store = createStore<AssistState>({
    suggestions: new Map(),
    pending: new Map(),
    batch: null,
    last: null,
  })
  readonly #model: Model
  readonly #host: AssistHost
  readonly #queue = new EditQueue()
  readonly #cache = new Map<string, EditResult>()
  #batchAbort: AbortController | null = null
  #prefetchTimer: ReturnType<typeof setTimeout> | undefined

  constructor(model: Model, host: AssistHost) {
    this.#model = model
    this.#host = host
    model.store.subscribe(() => {
      const { state } = model
      const nearfield = state.kind === 'ready' ? state.nearfield : null
      this.#queue.setEngine(nearfield ? (request) => nearfield.edit(request) : null)
    })
  }

  /** One cue, one suggestion. Waits for the model when there is none yet. */
  async ask(id: CueId, task: OfferedTask): Promise<void> {
    const request = this.#host.request(id, task)
    if (!request) return
    this.dismiss(id)
    this.#model.reconsider()
    const cached = this.#cache.get(cacheKey(request))
    if (cached) return this.#suggest(id, task, request, cached)
    if (!request.text.trim()) return this.#host.note('This cue has no text.')
    this.#setPending(id, task)
    const outcome = await this.#queue.add({ cueId: id, lane: 'asked', request })
    if (outcome.kind === 'cancelled') return
    this.#setPending(id, null)
    if (outcome.kind === 'failed') return this.#failed(outcome.error)
    this.#remember(request, outcome.result)
    this.#suggest(id, task, request, outcome.result)
  }

  #suggest(id: CueId, task: OfferedTask, request: EditRequest, result: EditResult): void {
    this.store.set({ last: result.receipt })
    if (this.#host.request(id, task)?.text !== request.text) return
    const suggestion = toSuggestion(id, task, request, result)
    this.store.set({ suggestions: new Map(this.store.get().suggestions).set(id, suggestion) })
    const name = task === 'fix' ? 'Fix' : 'Shorten'
    this.#host.announce(
      suggestion.verdict === 'changed'
        ? `${name} suggests: ${suggestion.after}`
        : `${name}: ${verdictText(suggestion)}`,
    )
  }

  /** Drops a cue's suggestion and whatever runs for it. True when there was something. */
  dismiss(id: CueId): boolean {
    const { suggestions, pending } = this.store.get()
    const had = suggestions.has(id) || pending.has(id)
    if (pending.has(id)) {
      this.#queue.cancel((job) => job.cueId === id && job.lane === 'asked')
      this.#setPending(id, null)
    }
    if (suggestions.has(id)) {
      const rest = new Map(suggestions)
      rest.delete(id)
      this.store.set({ suggestions: rest })
    }
    return had
  }

  /** One word of it was taken: the rest stands, against the text as it is now. */
  rebase(id: CueId, text: string): void {
    const { suggestions } = this.store.get()
    const suggestion = suggestions.get(id)
    if (!suggestion) return
    const next = new Map(suggestions)
    if (suggestion.after === text) next.delete(id)
    else next.set(id, { ...suggestion, before: text })
    this.store.set({ suggestions: next })
  }

  /** Drops all that is about a text no cue holds any more. */
  forget(textOf: (id: CueId) => string | undefined): void {
    const { suggestions, pending, batch } = this.store.get()
    const standing = [...suggestions].filter(([id, one]) => textOf(id) === one.before)
    if (standing.length < suggestions.size) this.store.set({ suggestions: new Map(standing) })
    for (const id of pending.keys()) {
      if (textOf(id) !== this.#pendingText.get(id)) this.dismiss(id)
    }
    const items = batch?.items.filter((item) => textOf(item.cueId) === item.before)
    if (batch && items && items.length < batch.items.length) this.#setBatch({ ...batch, items })
  }

  /** All of `ids` in order; each suggestion arrives in the review list as it is found. */
  async runBatch(task: OfferedTask, ids: readonly CueId[]): Promise<void> {
    this.cancelBatch()
    this.#model.reconsider()
    const abort = new AbortController()
    this.#batchAbort = abort
    const base = { task, total: ids.length, done: 0, failed: 0, cancelled: false, items: [] }
    this.#setBatch({ ...base, running: true })
    for (const id of ids) {
      const request = this.#host.request(id, task)
      const outcome = request ? await this.#batchEdit(id, request) : null
      if (abort.signal.aborted) return
      const batch = this.store.get().batch
      if (!batch) return
      if (outcome?.kind === 'failed' && this.#model.state.kind !== 'ready') {
        this.#setBatch({ ...batch, running: false, cancelled: true })
        return this.#failed(outcome.error)
      }
      const current = this.#host.request(id, task)?.text === request?.text
      const item =
        request && current && outcome?.kind === 'done' && outcome.result.verdict === 'changed'
          ? [{ ...toSuggestion(id, task, request, outcome.result), selected: true }]
          : []
      this.#setBatch({
        ...batch,
        done: batch.done + 1,
        failed: batch.failed + (outcome?.kind === 'failed' ? 1 : 0),
        items: [...batch.items, ...item],
      })
    }
    const batch = this.store.get().batch
    if (!batch) return
    this.#setBatch({ ...batch, running: false })
    this.#host.announce(
      batch.items.length === 0
        ? `Done. Nothing to change in ${batch.total} cues.`
        : `Done. ${batch.items.length} suggestions to review.`,
    )
  }

  async #batchEdit(id: CueId, request: EditRequest): Promise<Outcome> {
    const cached = this.#cache.get(cacheKey(request))
    if (cached) return { kind: 'done', result: cached }
    const outcome = await this.#queue.add({ cueId: id, lane: 'batch', request })
    if (outcome.kind === 'done') {
      this.#remember(request, outcome.result)
      this.store.set({ last: outcome.result.receipt })
    }
    return outcome
  }

  /** Stops what runs; what was found stays for review. */
  cancelBatch(): void {
    this.#batchAbort?.abort()
    this.#batchAbort = null
    this.#queue.cancel((job) => job.lane === 'batch')
    const { batch } = this.store.get()
    if (batch?.running) this.#setBatch({ ...batch, running: false, cancelled: true })
  }

  closeBatch(): void {
    this.cancelBatch()
    this.#setBatch(null)
  }

  select(which: (item: BatchItem) => boolean): void {
    const { batch } = this.store.get()
    if (!batch) return
    const items = batch.items.map((item) => ({ ...item, selected: which(item) }))
    this.#setBatch({ ...batch, items })
  }

  /** Idle work for the cues a person is likely to ask about next; thrown away freely. */
  prefetch(ids: readonly CueId[]): void {
    clearTimeout(this.#prefetchTimer)
    this.#queue.cancel((job) => job.lane === 'prefetch')
    if (this.#model.state.kind !== 'ready' || this.store.get().batch?.running) return
    this.#prefetchTimer = setTimeout(() => {
      for (const id of ids) {
        const request = this.#host.request(id, 'fix')
        if (!request?.text.trim() || this.#cache.has(cacheKey(request))) continue
        void this.#queue.add({ cueId: id, lane: 'prefetch', request }).then((outcome) => {
          if (outcome.kind === 'done') this.#remember(request, outcome.result)
        })
      }
    }, PREFETCH_REST_MS)
  }

  /** Another file: nothing of the old one stays but the cache. */
  reset(): void {
    this.closeBatch()
    clearTimeout(this.#prefetchTimer)
    this.#queue.cancel(() => true)
    this.#pendingText.clear()
    this.store.set({ suggestions: new Map(), pending: new Map() })
  }

  /** A model that was refused leaves nothing waiting. */
  dropWaiting(): void {
    for (const id of this.store.get().pending.keys()) this.dismiss(id)
    const { batch } = this.store.get()
    if (batch?.done === 0) this.closeBatch()
    else this.cancelBatch()
  }

  readonly #pendingText = new Map<CueId, string>()

  #setPending(id: CueId, task: OfferedTask | null): void {
    const pending = new Map(this.store.get().pending)
    if (task) {
      pending.set(id, task)
      this.#pendingText.set(id, this.#host.request(id, task)?.text ?? '')
    } else {
      pending.delete(id)
      this.#pendingText.delete(id)
    }
    this.store.set({ pending })
  }

  #setBatch(batch: Batch | null): void {
    this.store.set({ batch })
  }

  #remember(request: EditRequest, result: EditResult): void {
    const key = cacheKey(request)
    this.#cache.delete(key)
    this.#cache.set(key, result)
    const oldest = this.#cache.keys().next().value
    if (this.#cache.size > CACHE_MAX && oldest !== undefined) this.#cache.delete(oldest)
  }

  #failed(error: unknown): void {
    this.#host.fail(`The edit did not run: ${reason(error)}`)
    this.#model.check(error)
  }
}

function toSuggestion(
  cueId: CueId,
  task: OfferedTask,
  request: EditRequest,
  result: EditResult,
): Suggestion {
  const { text: after, verdict, why, receipt } = result
  return { cueId, task, before: request.text, after, verdict, why, receipt }
}

/** Reasons that are no objection to a suggestion the model made. */
const RIGHT = new Set(['', 'ok', 'already right'])

/** What to tell a person when there is no change to show. */
export function verdictText({ task, verdict, why }: Suggestion): string {
  const because = RIGHT.has(why) ? '' : `: ${why}`
  if (verdict === 'unfit') return `no version fits${because}`
  if (task === 'shorten') return `no shorter version${because}`
  return because ? `no suggestion${because}` : 'nothing to change'
}
