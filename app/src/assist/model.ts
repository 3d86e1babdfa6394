/**
 * The model's life in this page: asked for, downloaded, open, refused, lost.
 * Nothing is fetched before a person said yes once; a model that lies in the browser's own
 * storage is opened without asking. Knows no React.
 */
import type { NearfieldApi } from 'nearfield'
import { createStore } from '../document/store'
import type { Engine, ModelFacts } from './engine'

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
    }
  | { readonly kind: 'ready'; readonly facts: ModelFacts; readonly nearfield: NearfieldApi }
  | { readonly kind: 'failed'; readonly facts: ModelFacts; readonly why: string }

/** One line for a person, whatever was thrown. */
export function reason(error: unknown): string {
  if (error instanceof Error && error.message) return error.message
  return typeof error === 'string' ? error : 'something went wrong'
}

export class Model {
  readonly store = createStore<{ readonly state: ModelState }>({ state: { kind: 'unknown' } })
  readonly #engine: Engine
  #abort: AbortController | null = null

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get state(): ModelState {
    return this.store.get().state
  }

  /** Looks, downloads nothing; opens only a model that is already here. */
  async look(): Promise<void> {
    try {
      const facts = await this.#engine.model()
      if (facts.availability === 'unavailable') {
        this.#set({ kind: 'unavailable', why: 'This browser cannot run the model.' })
      } else if (facts.availability === 'available') {
        await this.#open(facts)
      } else {
        this.#set({ kind: 'absent', facts, refused: false })
      }
    } catch (error) {
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

  /** Asks again after a no: only ever on a person's own request for an edit. */
  reconsider(): void {
    const state = this.state
    if (state.kind === 'absent' && state.refused) this.#set({ ...state, refused: false })
  }

  cancel(): void {
    this.#abort?.abort()
  }

  /** For whoever is to find out what is wrong here; holds no text. Never rejects. */
  report(): Promise<string> {
    const { state } = this
    return state.kind === 'ready' ? state.nearfield.report() : this.#engine.report()
  }

  /** After an edit failed: is there still an engine behind it? */
  check(error: unknown): void {
    const { state } = this
    if (state.kind !== 'ready') return
    const now = state.nearfield.status.state
    if (now === 'ready' || now === 'loading') return
    state.nearfield.close()
    this.#set({ kind: 'failed', facts: state.facts, why: reason(error) })
  }

  async #open(facts: ModelFacts): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    this.#set({ kind: 'opening', facts, stage: 'download', loaded: 0, total: facts.bytes })
    try {
      const nearfield = await this.#engine.open({
        signal: abort.signal,
        onStatus: () => {
          const { state } = this
          if (state.kind === 'ready') this.#set({ ...state }) // it reads the status anew
        },
        onProgress: ({ loaded, total, stage }) => {
          if (this.state.kind !== 'opening' || abort.signal.aborted) return
          this.#set({ kind: 'opening', facts, stage, loaded, total })
        },
      })
      if (abort.signal.aborted) {
        nearfield.close()
        throw abort.signal.reason
      }
      this.#set({ kind: 'ready', facts, nearfield })
    } catch (error) {
      if (abort.signal.aborted) this.#set({ kind: 'absent', facts, refused: true })
      else this.#set({ kind: 'failed', facts, why: reason(error) })
    } finally {
      if (this.#abort === abort) this.#abort = null
    }
  }

  #set(state: ModelState): void {
    this.store.set({ state })
  }
}
