/**
 * The model's life in this page: asked for, downloaded, open, refused, lost; and who answers edits
 * meanwhile: a server that edits too answers from the start, unless a person wants this device alone.
 * No model is fetched before a person said yes once; one that lies in the browser's own storage is
 * opened without asking. Which of the two answers one edit is the SDK's. Knows no React.
 */
import type { LedgerSums, NearfieldApi, Status } from 'nearfield'
import { createStore } from '../document/store'
import type { Engine, ModelFacts } from './engine'
import { added, NOTHING } from './ledger'
import type { Mode } from './mode'
import { keepMode, keptMode } from './mode'

export type ModelState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable'; readonly why: string }
  | { readonly kind: 'absent'; readonly facts: ModelFacts; readonly refused: boolean }
  | {
      readonly kind: 'opening'
      readonly facts: ModelFacts
      readonly stage: 'download' | 'load'
      readonly loaded: number
      readonly total: number
      /** Why the last try broke off, where another one follows by itself. */
      readonly broke?: string
    }
  | { readonly kind: 'ready'; readonly facts: ModelFacts; readonly nearfield: NearfieldApi }
  | { readonly kind: 'failed'; readonly facts: ModelFacts; readonly why: string }

/** One line for a person, whatever was thrown. */
export function reason(error: unknown): string {
  if (error instanceof Error && error.message) return error.message
  return typeof error === 'string' ? error : 'something went wrong'
}

export interface ModelStore {
  readonly state: ModelState
  /** The server of this page edits too. */
  readonly hasServer: boolean
  readonly mode: Mode
  /** The newest; with a server there is one before there is a model. */
  readonly nearfield: NearfieldApi | null
}

/** Who answers an edit now: the SDK's object; null as long as only a model could, and there is none. */
export function answeringOf(store: ModelStore): NearfieldApi | null {
  const { state, nearfield } = store
  if (state.kind === 'ready') return state.nearfield
  return mayBeSent(store) ? nearfield : null
}

/** Captions may be sent to the server: there is one, and nobody forbade it. */
export const mayBeSent = ({ hasServer, mode }: ModelStore): boolean =>
  hasServer && mode !== 'only_on_device'

/** An edit goes to the server, or goes there first. */
export const serverEdits = (store: ModelStore): boolean =>
  answeringOf(store) !== null &&
  (store.state.kind !== 'ready' || (store.hasServer && store.mode === 'prefer_in_cloud'))

/** Of the device, where only it may answer; null as long as there is no model on it. */
export const soleStatus = (store: ModelStore): Status | null =>
  store.state.kind === 'ready' && !mayBeSent(store) ? store.state.nearfield.status : null

export class Model {
  readonly store = createStore<ModelStore>({
    state: { kind: 'unknown' },
    hasServer: false,
    mode: keptMode(),
    nearfield: null,
  })
  readonly #engine: Engine
  #abort: AbortController | null = null
  /** Of the one whose object is in the store: an older one has nothing to say any more. */
  #opened: AbortSignal | null = null
  /** Closed; what they were asked last still comes into their ledgers. */
  readonly #replaced: NearfieldApi[] = []
  #sending = new AbortController()
  #seeksServer = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Aborts when a person forbids the server: ends whatever was asked before. */
  get sending(): AbortSignal {
    return this.#sending.signal
  }

  /** Another one answers in its place; it has ended what it was asked. */
  wasReplaced(nearfield: NearfieldApi): boolean {
    return this.#replaced.includes(nearfield)
  }

  get state(): ModelState {
    return this.store.get().state
  }

  get answering(): NearfieldApi | null {
    return answeringOf(this.store.get())
  }

  /** What an edit is asked with; nothing where there is no choice. */
  get wishes(): { mode?: Mode } {
    const { hasServer, mode } = this.store.get()
    return hasServer ? { mode } : {}
  }

  /** As `wishes`, of an edit nobody waits for: a device that is there is quick enough for it. */
  get patientWishes(): { mode?: Mode } {
    const { mode } = this.wishes
    const here = mode === 'prefer_on_device' && this.state.kind === 'ready'
    return here ? { mode: 'only_on_device' } : this.wishes
  }

  setMode(mode: Mode): void {
    const before = mayBeSent(this.store.get())
    keepMode(mode)
    this.store.set({ mode })
    if (!before || mayBeSent(this.store.get())) return
    this.#sending.abort()
    this.#sending = new AbortController()
  }

  /** What all edits of this page have cost so far. */
  ledger(): LedgerSums {
    const { nearfield } = this.store.get()
    const all = nearfield ? [...this.#replaced, nearfield] : this.#replaced
    return all.reduce((sums, one) => added(sums, one.ledger()), NOTHING)
  }

  /** Looks, downloads nothing; opens only a model that is already here. */
  async look(): Promise<void> {
    const looking = this.#findServer()
    await this.#lookForModel(looking)
    const { nearfield, state } = this.store.get()
    if ((await looking) && !nearfield && state.kind !== 'opening') await this.#openServer()
  }

  /** The server could not be asked whether it edits: lookAgain() may find out. */
  get seeksServer(): boolean {
    return this.#seeksServer
  }

  /**
   * Is the server there now? Who answers here goes on until it is, and is then opened anew beside
   * it; not in the middle of a download, nor where that would take another one.
   */
  async lookAgain(): Promise<void> {
    if (!this.#seeksServer || this.state.kind === 'opening') return
    if (!(await this.#findServer())) return
    const { kind } = this.state
    if (kind === 'unavailable') await this.look()
    else if (kind === 'ready') await this.#openBeside()
    else {
      await this.#openServer()
      this.#seeksServer = !this.store.get().hasServer // a download was begun meanwhile, without it
    }
  }

  /** The server may edit for who shows it this one. */
  tokenGiven(): Promise<void> {
    this.#seeksServer = true
    return this.lookAgain()
  }

  async #findServer(): Promise<boolean> {
    const found = await this.#engine.hasServer()
    this.#seeksServer = found === null
    return found === true
  }

  async #openServer(): Promise<void> {
    const before = this.store.get().nearfield
    try {
      const nearfield = await this.#engine.openServer()
      const { nearfield: now, state } = this.store.get()
      // A download that was begun meanwhile brings its own.
      if (now !== before || state.kind === 'opening') return nearfield.close()
      this.#replace(nearfield)
      this.store.set({ hasServer: true })
    } catch {
      this.store.set({ hasServer: false })
    }
  }

  async #openBeside(): Promise<void> {
    const facts = await this.#engine.model().catch(() => null)
    if (facts?.availability !== 'available' || this.state.kind !== 'ready') return
    this.store.set({ hasServer: true })
    await this.#open(facts)
  }

  async #lookForModel(looking: Promise<boolean>): Promise<void> {
    try {
      const facts = await this.#engine.model()
      this.store.set({ hasServer: await looking })
      if (facts.availability === 'unavailable') {
        this.#set({ kind: 'unavailable', why: 'This browser cannot run the model.' })
      } else if (facts.availability === 'available') {
        await this.#open(facts)
      } else {
        this.#set({ kind: 'absent', facts, refused: false })
      }
    } catch (error) {
      this.store.set({ hasServer: await looking })
      this.#set({ kind: 'unavailable', why: reason(error) })
    }
  }

  /** A person said yes (or try again). */
  async download(): Promise<void> {
    const state = this.state
    if (state.kind === 'absent' || state.kind === 'failed') await this.#open(state.facts)
    else if (state.kind === 'unavailable') await this.look()
  }

  refuse(): void {
    const state = this.state
    if (state.kind === 'absent') this.#set({ ...state, refused: true })
  }

  /** Asks again after a no: only ever on a person's own request for an edit that nobody answers. */
  reconsider(): void {
    const state = this.state
    if (this.answering) return
    if (state.kind === 'absent' && state.refused) this.#set({ ...state, refused: false })
  }

  cancel(): void {
    this.#abort?.abort()
    const { state, hasServer } = this.store.get()
    if (hasServer && state.kind === 'opening') {
      this.#set({ kind: 'absent', facts: state.facts, refused: true })
    }
  }

  /** For whoever is to find out what is wrong here; holds no text. Never rejects. */
  report(): Promise<string> {
    const { state } = this
    return state.kind === 'ready' ? state.nearfield.report() : this.#engine.report()
  }

  /** After an edit failed: is there still an engine behind it? */
  check(error: unknown): void {
    const { state, hasServer } = this.store.get()
    if (state.kind !== 'ready' || hasServer) return // with a server the SDK opens it again itself
    const now = state.nearfield.status.state
    if (now === 'ready' || now === 'loading') return
    state.nearfield.close()
    this.#set({ kind: 'failed', facts: state.facts, why: reason(error) })
  }

  async #open(facts: ModelFacts): Promise<void> {
    const abort = new AbortController()
    const { hasServer: server } = this.store.get()
    this.#abort = abort
    this.#set({ kind: 'opening', facts, stage: 'download', loaded: 0, total: facts.bytes })
    const { signal } = abort
    try {
      const nearfield: NearfieldApi = await this.#engine.open({
        server,
        signal,
        onStatus: () => this.#follow(facts, signal),
        onProgress: ({ loaded, total, stage }) => {
          if (this.state.kind !== 'opening' || signal.aborted) return
          this.#set({ kind: 'opening', facts, stage, loaded, total })
        },
      })
      if (signal.aborted && !server) {
        nearfield.close()
        throw signal.reason
      }
      this.#replace(nearfield)
      this.#opened = signal
      this.#follow(facts, signal)
    } catch (error) {
      if (signal.aborted) this.#set({ kind: 'absent', facts, refused: true })
      else this.#set({ kind: 'failed', facts, why: reason(error) })
    }
  }

  /** What the newest says of its model, as a person meets it. */
  #follow(facts: ModelFacts, signal: AbortSignal): void {
    const { state, nearfield } = this.store.get()
    if (!nearfield || signal !== this.#opened) return
    const { status } = nearfield
    if (status.state === 'absent') {
      this.#set(
        signal.aborted
          ? { kind: 'absent', facts, refused: true }
          : { kind: 'failed', facts, why: status.backendReason },
      )
    } else if (state.kind === 'ready')
      this.#set({ ...state }) // it reads the status anew
    else if (status.state === 'ready') this.#set({ kind: 'ready', facts, nearfield })
    else if (state.kind === 'opening' && status.backendReason)
      this.#set({ ...state, broke: status.backendReason })
  }

  #replace(nearfield: NearfieldApi): void {
    const { nearfield: old } = this.store.get()
    if (old) this.#replaced.push(old)
    this.store.set({ nearfield })
    old?.close()
  }

  #set(state: ModelState): void {
    this.store.set({ state })
  }
}
