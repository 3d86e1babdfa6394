/**
 * Models that several objects of these classes share: a second create() of the same model costs no
 * second download and no second copy in memory. Owns who holds which, and closes what nobody holds.
 */
import { isAlive } from '../alive.ts'
import { Nearfield, type OpenOptions } from '../index.ts'
import { unlessAborted } from '../unless_aborted.ts'

type Progress = Parameters<NonNullable<OpenOptions['onProgress']>>[0]

/** Of the folders a page's own server offers: what is taken where no other is named. */
let defaultModel: string | URL = '/models/smollm2-135m-instruct.q4_1/'

/** The model of every later create() and availability() that names none. */
export function setModel(model: string | URL): void {
  defaultModel = model
}
export const modelOr = (model: string | URL | undefined): string | URL => model ?? defaultModel

/** What a class holds of a model. */
export interface Held {
  readonly nf: Nearfield
  /** The same once more, to be released by itself. */
  again(): Held
  release(): void
}

/** One that the page has opened, and closes itself. */
export function borrowed(nf: Nearfield): Held {
  return { nf, again: () => borrowed(nf), release: () => {} }
}

class Shared {
  readonly opening: Promise<Nearfield>
  readonly #abort = new AbortController()
  readonly #listeners = new Set<(progress: Progress) => void>()
  readonly #forget: () => void
  #nf: Nearfield | null = null
  #last: Progress | null = null
  #holders = 0

  constructor(model: string, forget: () => void) {
    this.#forget = forget
    const onProgress = (progress: Progress) => {
      this.#last = progress
      for (const listener of this.#listeners) listener(progress)
    }
    this.opening = Nearfield.open({ model, onProgress, signal: this.#abort.signal })
    this.opening.then((nf) => {
      this.#nf = nf
    }, forget)
  }

  get alive(): boolean {
    return isAlive(this.#nf)
  }
  listen(listener: (progress: Progress) => void): () => void {
    if (this.#last) listener(this.#last)
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  hold(): void {
    this.#holders++
  }
  leave(): void {
    this.#holders--
    if (this.#holders > 0) return
    this.#forget()
    this.#abort.abort()
    this.#nf?.close()
  }
}

const known = new Map<string, Shared>()

function sharedModel(model: string): Shared {
  const before = known.get(model)
  if (before?.alive) return before
  const shared: Shared = new Shared(model, () => {
    if (known.get(model) === shared) known.delete(model)
  })
  known.set(model, shared)
  return shared
}

function heldOf(shared: Shared, nf: Nearfield): Held {
  let held = true
  return {
    nf,
    again: () => {
      shared.hold()
      return heldOf(shared, nf)
    },
    release: () => {
      if (held) shared.leave()
      held = false
    },
  }
}

/** Rejects as Nearfield.open() does; an abort ends the download when nobody else waits for it. */
export async function holdModel(
  model: string | URL,
  signal: AbortSignal | undefined,
  onProgress: (progress: Progress) => void,
): Promise<Held> {
  const shared = sharedModel(new URL(model, document.baseURI).href)
  const deaf = shared.listen(onProgress)
  shared.hold()
  try {
    return heldOf(shared, await unlessAborted(shared.opening, signal))
  } catch (error) {
    shared.leave()
    throw error
  } finally {
    deaf()
  }
}
