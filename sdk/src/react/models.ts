/**
 * The models that a tree of components holds, each opened once whatever asks for it. Owns when one
 * is opened and when it is closed: some time after the last component has let go, so that a remount
 * (StrictMode's, a change of page) finds it open. Knows nothing of React.
 */
import { isAlive } from '../alive.ts'
import { Nearfield, type OpenOptions, type Status } from '../index.ts'

/** What useNearfield() opens. */
export type ModelOptions = Pick<OpenOptions, 'model' | 'threads' | 'backend' | 'server' | 'mode'>

/** A model on its way, open, or failed. A new object after every change. */
export interface ModelState {
  /** null until open() has resolved: until the model is ready, with `server` hardly at all. */
  nearfield: Nearfield | null
  status: Status | null
  progress: { loaded: number; total: number; stage: 'download' | 'load' } | null
  /**
   * Why open() rejected; the next mount tries again. With `server` a model that cannot be had is no
   * error: `status` tells of it.
   */
  error: Error | null
}

export const NOTHING: ModelState = { nearfield: null, status: null, progress: null, error: null }
/** Also how long one that was opened for a component that never mounted is kept. */
const KEEP_MS = 5000

export class Model {
  state: ModelState = NOTHING
  readonly #options: ModelOptions
  readonly #listeners = new Set<() => void>()
  #opening: Promise<Nearfield> | null = null
  /** Ends #opening, and tells its handlers that they are no longer asked. */
  #abort = new AbortController()
  /** Somebody suspends on it: React tells nobody whether he still does. */
  #suspended = false
  /** #opening is. */
  #settled = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ModelOptions) {
    this.#options = options
  }

  /** False: it has to be replaced. */
  get alive(): boolean {
    return isAlive(this.state.nearfield)
  }

  /**
   * Resolves as open() does; the same promise until then and afterwards. For use(): a suspended
   * component does not commit, so it cannot subscribe, and until then nobody else holds it.
   */
  wait(): Promise<Nearfield> {
    this.#suspended = true
    return this.#open()
  }

  #open(): Promise<Nearfield> {
    if (this.#opening) return this.#opening
    const { signal } = this.#abort
    const tell = (news: Partial<ModelState>) => {
      if (!signal.aborted) this.#set({ ...this.state, ...news })
    }
    this.#settled = false
    this.#set({ ...NOTHING })
    const opening = Nearfield.open({
      ...this.#options,
      signal,
      onProgress: (progress) => tell({ progress }),
      onStatus: (status) => tell({ status }),
    })
    this.#opening = opening
    opening
      .then(
        (nearfield) => tell({ nearfield, status: nearfield.status }),
        (error: Error) => tell({ error }),
      )
      .finally(() => {
        if (signal.aborted) return
        this.#settled = true
        this.#closeSoonUnlessHeld()
      })
    return opening
  }

  /** Holds it open until what it answers is called. */
  subscribe = (listener: () => void): (() => void) => {
    if (this.state.error && this.#listeners.size === 0) this.#opening = null // again
    this.#listeners.add(listener)
    clearTimeout(this.#timer)
    void this.#open().catch(() => {}) // told by the state
    return () => {
      this.#listeners.delete(listener)
      this.#closeSoonUnlessHeld()
    }
  }

  #closeSoonUnlessHeld(): void {
    clearTimeout(this.#timer)
    if (this.#listeners.size > 0 || (this.#suspended && !this.#settled)) return
    this.#timer = setTimeout(() => this.#close(), KEEP_MS)
  }

  /** As it was made: <Activity> subscribes again without rendering, so to this very object. */
  #close(): void {
    this.#abort.abort()
    this.state.nearfield?.close()
    this.#abort = new AbortController()
    this.#opening = null
    this.#suspended = false
    this.state = NOTHING
  }

  #set(state: ModelState): void {
    this.state = state
    for (const listener of this.#listeners) listener()
  }
}

/** A closed one stays: a few fields for each set of options that a page has ever named. */
const models = new Map<string, Model>()

export function modelOf(options: ModelOptions): Model {
  const { model, threads, backend, server, mode } = options
  const key = JSON.stringify([new URL(model, document.baseURI), threads, backend, server, mode])
  const known = models.get(key)
  if (known?.alive) return known
  const made = new Model(options)
  models.set(key, made)
  return made
}
