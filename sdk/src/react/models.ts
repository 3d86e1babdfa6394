/**
 * The models that a tree of components holds, each opened once whatever asks for it. Owns when one
 * is opened and when it is closed: some time after the last component has let go, so that a remount
 * (StrictMode's, a change of page) finds it open. Knows nothing of React.
 */
import { Nearfield, type OpenOptions, type Status } from '../index.ts'

/** What useNearfield() opens. */
export type ModelOptions = Pick<OpenOptions, 'model' | 'threads' | 'backend'>

/** A model on its way, ready, or failed. A new object after every change. */
export interface ModelState {
  /** null until it is ready. */
  nearfield: Nearfield | null
  status: Status | null
  progress: { loaded: number; total: number; stage: 'download' | 'load' } | null
  /** Why it could not be opened; the next mount tries again. */
  error: Error | null
}

export const NOTHING: ModelState = { nearfield: null, status: null, progress: null, error: null }
/** Also how long one that was opened for a component that never mounted is kept. */
const KEEP_MS = 5000

export class Model {
  state: ModelState = NOTHING
  readonly #options: ModelOptions
  readonly #forget: () => void
  readonly #listeners = new Set<() => void>()
  #opening: Promise<Nearfield> | null = null
  #abort = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ModelOptions, forget: () => void) {
    this.#options = options
    this.#forget = forget
  }

  /** Resolves when it is ready; the same promise until then and afterwards. */
  open(): Promise<Nearfield> {
    if (this.#opening) return this.#opening
    this.#set({ ...NOTHING })
    this.#opening = Nearfield.open({
      ...this.#options,
      signal: this.#abort.signal,
      onProgress: (progress) => this.#set({ ...this.state, progress }),
      onStatus: (status) => this.#set({ ...this.state, status }),
    })
    this.#opening.then(
      (nearfield) => this.#set({ ...this.state, nearfield, status: nearfield.status }),
      (error: Error) => {
        if (!this.#abort.signal.aborted) this.#set({ ...this.state, error })
      },
    )
    this.#closeSoonUnlessHeld()
    return this.#opening
  }

  /** Holds it open until what it answers is called. */
  subscribe = (listener: () => void): (() => void) => {
    if (this.state.error && this.#listeners.size === 0) this.#opening = null // again
    this.#listeners.add(listener)
    clearTimeout(this.#timer)
    void this.open().catch(() => {}) // told by the state
    return () => {
      this.#listeners.delete(listener)
      this.#closeSoonUnlessHeld()
    }
  }

  #closeSoonUnlessHeld(): void {
    clearTimeout(this.#timer)
    if (this.#listeners.size > 0) return
    this.#timer = setTimeout(() => {
      this.#forget()
      this.#abort.abort()
      this.state.nearfield?.close()
    }, KEEP_MS)
  }

  #set(state: ModelState): void {
    this.state = state
    for (const listener of this.#listeners) listener()
  }
}

const models = new Map<string, Model>()

export function modelOf(options: ModelOptions): Model {
  const { model, threads, backend } = options
  const key = JSON.stringify([new URL(model, document.baseURI).href, threads, backend])
  const known = models.get(key)
  if (known) return known
  const made: Model = new Model(options, () => {
    if (models.get(key) === made) models.delete(key)
  })
  models.set(key, made)
  return made
}
