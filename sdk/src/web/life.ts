/**
 * What all classes of the drafts have in common: create() with its monitor, availability(),
 * destroy(), the signals of a call, and results whole or as a stream. Owns these algorithms; what a
 * class does with its model is its own.
 * source https://webmachinelearning.github.io/writing-assistance-apis/#supporting
 */
import { type Availability, Nearfield } from '../index.ts'
import { asDomException, notSupported } from './errors.ts'
import { borrowed, type Held, holdModel, modelOr } from './models.ts'

/** What the drafts lack: which model. */
export interface ModelOptions {
  /** Folder URL of the model; default: the one of setModel(). */
  model?: string | URL
  /** One that is open already is used, and stays open after destroy(). */
  nearfield?: Nearfield
}
/** What every create() takes. */
export interface CreateOptions extends ModelOptions {
  /** Aborted before: rejects with its reason. Aborted after: as destroy(), with its reason. */
  signal?: AbortSignal
  /** Called at once with what tells of the download. */
  monitor?: ((monitor: DownloadMonitor) => unknown) | null
}
/** What every call takes. */
export interface CallOptions {
  /** Aborted: rejects with its reason, and what runs ends. */
  signal?: AbortSignal
}

/**
 * The drafts' CreateMonitor: fires 'downloadprogress' with loaded 0..1, in 65,536ths, and total 1.
 */
export class DownloadMonitor extends EventTarget {
  #ondownloadprogress: ((this: EventTarget, event: ProgressEvent) => unknown) | null = null

  constructor() {
    super()
    this.addEventListener('downloadprogress', (event) =>
      this.#ondownloadprogress?.call(this, event as ProgressEvent),
    )
  }

  /** Called with each 'downloadprogress'; what is no function counts as null. */
  get ondownloadprogress() {
    return this.#ondownloadprogress
  }
  /** As its getter says. */
  set ondownloadprogress(handler) {
    this.#ondownloadprogress = typeof handler === 'function' ? handler : null
  }
  /** 'CreateMonitor', the draft's name. */
  get [Symbol.toStringTag](): string {
    return 'CreateMonitor'
  }
}

/** refused: why the options cannot be served; '': they can. */
export async function availabilityOf(
  options: ModelOptions,
  refused: string,
): Promise<Availability> {
  if (refused !== '') return 'unavailable'
  if (options.nearfield) return 'available'
  return Nearfield.availability({ model: modelOr(options.model) })
}

/** refused: as availabilityOf's. Resolves when the model is ready. */
export async function createLife(options: CreateOptions, refused: string): Promise<Life> {
  const { signal, nearfield } = options
  signal?.throwIfAborted()
  const monitor = new DownloadMonitor()
  options.monitor?.(monitor)
  if (refused !== '') throw notSupported(refused)
  const tell = progressTeller(monitor, signal)
  tell(0)
  signal?.throwIfAborted() // the monitor may have
  try {
    const held = nearfield
      ? borrowed(nearfield)
      : await holdModel(modelOr(options.model), signal, ({ loaded, total }) => tell(loaded / total))
    const life = new Life(held, signal)
    tell(1)
    signal?.throwIfAborted() // the life has ended then, and the model is released
    return life
  } catch (error) {
    throw asDomException(error)
  }
}

/** The draft's: finer steps would tell of a model's size. */
const STEPS = 65_536

/** Never backwards and nothing twice: after a download, loading is silent. */
function progressTeller(
  monitor: DownloadMonitor,
  signal: AbortSignal | undefined,
): (part: number) => void {
  let told = -1
  return (part) => {
    const loaded = Math.floor(part * STEPS) / STEPS
    if (loaded <= told || signal?.aborted) return
    told = loaded
    monitor.dispatchEvent(
      new ProgressEvent('downloadprogress', { lengthComputable: true, loaded, total: 1 }),
    )
  }
}

/** From create() to destroy(). */
export class Life {
  readonly #held: Held
  readonly #ended = new AbortController()

  /** With a signal that is aborted already it has ended. */
  constructor(held: Held, signal?: AbortSignal) {
    this.#held = held
    if (signal?.aborted) this.end(signal.reason)
    signal?.addEventListener('abort', () => this.end(signal.reason), { signal: this.#ended.signal })
  }

  get nf(): Nearfield {
    return this.#held.nf
  }
  /** Another one over the same model. */
  again(): Life {
    return new Life(this.#held.again())
  }
  /** What runs and what comes rejects with the reason; the second time nothing happens. */
  end(reason: unknown = new DOMException('destroy() was called', 'AbortError')): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort(reason)
    this.#held.release()
  }

  /** Throws what a call must end with before it begins. */
  signalOf({ signal }: CallOptions): AbortSignal {
    const composite = AbortSignal.any([this.#ended.signal, ...(signal ? [signal] : [])])
    composite.throwIfAborted()
    return composite
  }

  /**
   * Its listener goes with the call: a composite signal lives as long as one listens to it.
   * source "get an aggregated AI model result"; DOM, "Garbage collection" of AbortSignals
   */
  async whole<T>(options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.signalOf(options)
    const done = new AbortController()
    return new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { signal: done.signal })
      work(signal)
        .then(resolve, (error) => reject(asDomException(error)))
        .finally(() => done.abort())
    })
  }

  /** source "get a streaming AI model result": throws where it is aborted before it begins. */
  streamed(
    options: CallOptions,
    work: (signal: AbortSignal, put: (piece: string) => void) => Promise<unknown>,
  ): ReadableStream<string> {
    const signal = this.signalOf(options)
    const cancelled = new AbortController()
    /** Nothing more comes: what was put and not yet read stays, whatever is aborted. */
    const done = new AbortController()
    const over = () => signal.aborted || cancelled.signal.aborted
    const both = AbortSignal.any([signal, cancelled.signal])
    return new ReadableStream<string>({
      start(to) {
        signal.addEventListener('abort', () => to.error(signal.reason), { signal: done.signal })
        work(both, (piece) => over() || piece === '' || to.enqueue(piece))
          .then(
            () => over() || to.close(),
            (error) => over() || to.error(asDomException(error)),
          )
          .finally(() => done.abort())
      },
      cancel: () => {
        done.abort()
        cancelled.abort()
      },
    })
  }
}
