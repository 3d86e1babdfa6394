/**
 * Suggestions: asking for one, holding it while its text still stands, batches with review,
 * telling the SDK what is likely next. Nothing here changes the document: accepting is the
 * editor's. Which edit runs first, superseding and what is known already are the SDK's.
 * Knows no React. Read next: model.ts, ../shell/editor.ts.
 */
import type { EditRequest, EditResult, LedgerSums, NearfieldApi, Receipt, Task } from 'nearfield'
import type { CueId } from '../document/cue'
import { createStore } from '../document/store'
import { NOTHING } from './ledger'
import type { Model } from './model'
import { reason, soleStatus } from './model'
import { notOffered, TASKS, VERSIONS } from './tasks'

export interface Suggestion {
  readonly cueId: CueId
  readonly task: Task
  /** The text it is about; as soon as the cue holds another, the suggestion is gone. */
  readonly before: string
  /** The version in hand. */
  readonly after: string
  /** All of them, the likeliest first; none when there is nothing to change. */
  readonly versions: readonly string[]
  readonly verdict: EditResult['verdict']
  readonly why: string
  readonly receipt: Receipt
}

export interface BatchItem extends Suggestion {
  readonly selected: boolean
}

export interface Batch {
  readonly task: Task
  readonly total: number
  readonly done: number
  readonly failed: number
  readonly running: boolean
  readonly cancelled: boolean
  readonly items: readonly BatchItem[]
}

/** A receipt, and of what. It holds nothing of the text. */
export interface LoggedReceipt {
  /** Rises by one. */
  readonly n: number
  readonly task: Task
  readonly receipt: Receipt
}

export interface AssistState {
  readonly suggestions: ReadonlyMap<CueId, Suggestion>
  readonly pending: ReadonlyMap<CueId, Task>
  readonly batch: Batch | null
  readonly last: Receipt | null
  /** The newest first; the oldest are dropped. */
  readonly receipts: readonly LoggedReceipt[]
  /** Of all edits of this page. */
  readonly sums: LedgerSums
}

export interface AssistHost {
  /** Null when the cue is gone. */
  request(id: CueId, task: Task): EditRequest | null
  announce(text: string): void
  /** Said and shown for a while. */
  note(text: string): void
  fail(text: string): void
}

const PREFETCH_REST_MS = 250
const RECEIPTS_MAX = 100

/** The fault is the text's or the task's: the next one may well be answered. */
const isOwnFault = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'bad_input'

const isAbort = (error: unknown) => error instanceof DOMException && error.name === 'AbortError'

export class Assist {
  readonly store = createStore<AssistState>({
    suggestions: new Map(),
    pending: new Map(),
    batch: null,
    last: null,
    receipts: [],
    sums: NOTHING,
  })
  readonly #model: Model
  readonly #host: AssistHost
  /** What a person asked for, by cue: ends it. */
  readonly #asked = new Map<CueId, AbortController>()
  #batchAbort: AbortController | null = null
  #prefetchTimer: ReturnType<typeof setTimeout> | undefined

  constructor(model: Model, host: AssistHost) {
    this.#model = model
    this.#host = host
  }

  /** Where a model is open on this device. */
  get #ready(): NearfieldApi | null {
    const { state } = this.#model
    return state.kind === 'ready' ? state.nearfield : null
  }

  /** Who answers, as soon as there is somebody. Rejects when the signal aborts first. */
  #answering(signal: AbortSignal): Promise<NearfieldApi> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const { answering } = this.#model
        if (!answering) return
        unsubscribe()
        resolve(answering)
      }
      const unsubscribe = this.#model.store.subscribe(look)
      signal.addEventListener(
        'abort',
        () => {
          unsubscribe()
          reject(signal.reason)
        },
        { once: true },
      )
    })
  }

  /**
   * One edit, by whoever answers. What ends because a person forbade the server, or because another
   * engine took the place of the one that was asked, is asked again.
   */
  async #edit(
    request: EditRequest,
    signal: AbortSignal,
    wishes: () => Pick<EditRequest, 'mode'>,
  ): Promise<EditResult> {
    for (;;) {
      const nearfield = this.#model.answering ?? (await this.#answering(signal))
      const { sending } = this.#model
      try {
        return await nearfield.edit({
          ...request,
          ...wishes(),
          signal: AbortSignal.any([signal, sending]),
        })
      } catch (error) {
        const again = sending.aborted || this.#model.wasReplaced(nearfield)
        if (signal.aborted || !again) throw error
      }
    }
  }

  /** One cue, one suggestion. Waits for the model when there is none yet. */
  async ask(id: CueId, task: Task): Promise<void> {
    const request = this.#host.request(id, task)
    if (!request) return
    this.dismiss(id)
    this.#model.reconsider()
    if (!request.text.trim()) return this.#host.note('This cue has no text.')
    const why = notOffered(soleStatus(this.#model.store.get()), task)
    if (why) return this.#refused(task, why)
    await this.#ask(id, task, request, TASKS[task].versions)
  }

  /** More versions of what is suggested, which stays until they come. */
  async askMore(id: CueId): Promise<void> {
    const { suggestions, pending } = this.store.get()
    const suggestion = suggestions.get(id)
    const request = suggestion && this.#host.request(id, suggestion.task)
    if (!request || pending.has(id)) return
    await this.#ask(id, suggestion.task, request, VERSIONS)
    const now = this.store.get().suggestions.get(id)
    if (now && now !== suggestion && now.versions.length < 2) {
      this.#host.note('There is no other version.')
    }
  }

  /** Takes version i of a suggestion in hand. False when there is no such version. */
  choose(id: CueId, i: number): boolean {
    const suggestion = this.store.get().suggestions.get(id)
    const after = suggestion?.versions[i]
    if (!suggestion || after === undefined) return false
    const { versions } = suggestion
    if (after !== suggestion.after) {
      const suggestions = new Map(this.store.get().suggestions).set(id, { ...suggestion, after })
      this.store.set({ suggestions })
    }
    this.#host.announce(`Version ${i + 1} of ${versions.length}: ${after}`)
    return true
  }

  async #ask(id: CueId, task: Task, request: EditRequest, versions: number): Promise<void> {
    const variants = versions > 1 ? { variants: versions } : {}
    const abort = new AbortController()
    this.#asked.set(id, abort)
    this.#setPending(id, task)
    try {
      const { signal } = abort
      const wanted: EditRequest = { ...request, ...variants, priority: 'now', key: `cue ${id}` }
      const result = await this.#edit(wanted, signal, () => this.#model.wishes)
      if (signal.aborted) return
      this.#asked.delete(id)
      this.#setPending(id, null)
      this.#suggest(id, task, request, result)
    } catch (error) {
      this.#count()
      if (this.#asked.get(id) !== abort) return
      this.#asked.delete(id)
      this.#setPending(id, null)
      if (error instanceof Error && 'code' in error && error.code === 'unsupported') {
        this.#refused(task, error.message)
      } else if (!isAbort(error)) this.#failed(error)
    }
  }

  #log(task: Task, receipt: Receipt): void {
    const { receipts } = this.store.get()
    const n = (receipts[0]?.n ?? 0) + 1
    const newest = [{ n, task, receipt }, ...receipts].slice(0, RECEIPTS_MAX)
    this.store.set({ last: receipt, receipts: newest })
    this.#count()
  }

  #count(): void {
    this.store.set({ sums: this.#model.ledger() })
  }

  #refused(task: Task, why: string): void {
    const here = soleStatus(this.#model.store.get()) ? ' on this device' : ''
    this.#host.note(`${TASKS[task].label} is not offered${here}: ${why}.`)
  }

  #suggest(id: CueId, task: Task, request: EditRequest, result: EditResult): void {
    this.#log(task, result.receipt)
    if (this.#host.request(id, task)?.text !== request.text) return
    const suggestion = toSuggestion(id, task, request, result)
    this.store.set({ suggestions: new Map(this.store.get().suggestions).set(id, suggestion) })
    const name = TASKS[task].label
    const { length } = suggestion.versions
    const suggests = length > 1 ? `suggests ${length} versions, the first` : 'suggests'
    this.#host.announce(
      suggestion.verdict === 'changed'
        ? `${name} ${suggests}: ${suggestion.after}`
        : `${name}: ${verdictText(suggestion)}`,
    )
  }

  /** Drops a cue's suggestion and whatever runs for it. True when there was something. */
  dismiss(id: CueId): boolean {
    const { suggestions, pending } = this.store.get()
    const had = suggestions.has(id) || pending.has(id)
    if (pending.has(id)) {
      const abort = this.#asked.get(id)
      this.#asked.delete(id)
      abort?.abort()
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
  async runBatch(task: Task, ids: readonly CueId[]): Promise<void> {
    this.cancelBatch()
    this.#model.reconsider()
    const abort = new AbortController()
    this.#batchAbort = abort
    const base = { task, total: ids.length, done: 0, failed: 0, cancelled: false, items: [] }
    this.#setBatch({ ...base, running: true })
    for (const id of ids) {
      const request = this.#host.request(id, task)
      const outcome = request ? await this.#batchEdit(request, abort.signal) : null
      if (abort.signal.aborted) return
      const batch = this.store.get().batch
      if (!batch) return
      const failed = outcome !== null && 'error' in outcome
      if (failed && this.#model.state.kind !== 'ready' && !isOwnFault(outcome.error)) {
        this.#setBatch({ ...batch, running: false, cancelled: true })
        return this.#failed(outcome.error)
      }
      const current = this.#host.request(id, task)?.text === request?.text
      const item =
        request && current && outcome && 'result' in outcome && outcome.result.verdict === 'changed'
          ? [{ ...toSuggestion(id, task, request, outcome.result), selected: true }]
          : []
      this.#setBatch({
        ...batch,
        done: batch.done + 1,
        failed: batch.failed + (failed ? 1 : 0),
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

  async #batchEdit(
    request: EditRequest,
    signal: AbortSignal,
  ): Promise<{ result: EditResult } | { error: unknown }> {
    try {
      const wanted: EditRequest = { ...request, priority: 'idle' }
      const result = await this.#edit(wanted, signal, () => this.#model.patientWishes)
      if (!signal.aborted) this.#log(request.task, result.receipt)
      return { result }
    } catch (error) {
      this.#count()
      return { error }
    }
  }

  /** Stops what runs; what was found stays for review. */
  cancelBatch(): void {
    this.#batchAbort?.abort()
    this.#batchAbort = null
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

  /**
   * Idle work for the cue in hand and those after it, once the person rests; what was under way
   * for other texts ends at once. The timer only waits for rest: nothing else depends on it.
   */
  prefetch(ids: readonly CueId[]): void {
    clearTimeout(this.#prefetchTimer)
    const nearfield = this.#ready
    if (!nearfield) return
    // Who prefers the server wants this device at rest.
    const rests = this.#model.wishes.mode === 'prefer_in_cloud'
    const tell = (some: readonly CueId[], priority: 'focus' | 'next') => {
      const cues = some.flatMap((id) => {
        const request = this.#host.request(id, 'fix')
        return request?.text.trim() ? [request] : []
      })
      nearfield.prefetch(cues, { task: 'fix', priority })
    }
    tell([], 'focus')
    tell([], 'next')
    if (rests) return
    this.#prefetchTimer = setTimeout(() => {
      tell(ids.slice(0, 1), 'focus')
      tell(ids.slice(1), 'next')
    }, PREFETCH_REST_MS)
  }

  /** Another file: nothing of the old one stays. */
  reset(): void {
    this.closeBatch()
    this.prefetch([])
    for (const abort of this.#asked.values()) abort.abort()
    this.#asked.clear()
    this.#pendingText.clear()
    this.store.set({ suggestions: new Map(), pending: new Map() })
  }

  /** A model that was refused leaves nothing waiting that only it could answer. */
  dropWaiting(): void {
    if (this.#model.answering) return
    for (const id of this.store.get().pending.keys()) this.dismiss(id)
    const { batch } = this.store.get()
    if (batch?.done === 0) this.closeBatch()
    else this.cancelBatch()
  }

  readonly #pendingText = new Map<CueId, string>()

  #setPending(id: CueId, task: Task | null): void {
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

  #failed(error: unknown): void {
    this.#host.fail(`The edit did not run: ${reason(error)}`)
    this.#model.check(error)
  }
}

function toSuggestion(
  cueId: CueId,
  task: Task,
  request: EditRequest,
  result: EditResult,
): Suggestion {
  const { text: after, verdict, why, receipt } = result
  const others = result.variants.map((variant) => variant.text).filter((text) => text !== after)
  const versions = verdict === 'changed' ? [after, ...others] : []
  return { cueId, task, before: request.text, after, versions, verdict, why, receipt }
}

/** Reasons that are no objection to a suggestion the model made. */
const RIGHT = new Set(['', 'ok', 'already right'])

/** What to tell a person when there is no change to show. */
export function verdictText({ task, verdict, why }: Suggestion): string {
  const because = RIGHT.has(why) ? '' : `: ${why}`
  if (verdict === 'unfit') return `no version fits${because}`
  if (task === 'shorten') return `no shorter version${because}`
  if (task !== 'fix') return `no other version${because}`
  return because ? `no suggestion${because}` : 'nothing to change'
}
