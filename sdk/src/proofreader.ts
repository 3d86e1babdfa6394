/**
 * The W3C proofreader-api's shape over Nearfield. Differs from a browser's own by one option,
 * `model`, and is English only. Errors are DOMExceptions of the draft's names.
 * source https://github.com/webmachinelearning/proofreader-api
 */
import { abortError, NearfieldError } from './error.ts'
import { Nearfield } from './nearfield.ts'
import type { Availability } from './types.ts'

/** What both availability() and create() take. */
export interface ProofreaderCoreOptions {
  /** Folder URL of the model; default: DEFAULT_MODEL on the page's own server. */
  model?: string | URL
  expectedInputLanguages?: string[]
  includeCorrectionTypes?: boolean
  includeCorrectionExplanations?: boolean
  correctionExplanationLanguage?: string
}
/** What create() takes. */
export interface ProofreaderOptions extends ProofreaderCoreOptions {
  signal?: AbortSignal
  monitor?: ((monitor: DownloadMonitor) => unknown) | null
}
/** input.slice(startIndex, endIndex) becomes `correction`; UTF-16 units. */
export interface ProofreadCorrection {
  startIndex: number
  endIndex: number
  correction: string
}
/** What proofread() resolves to. */
export interface ProofreadResult {
  correctedInput: string
  /** Ascending; offsets into the input in UTF-16 units. */
  corrections: ProofreadCorrection[]
}

export const DEFAULT_MODEL = '/models/smollm2-135m-instruct.q4_1/'

/** Fires 'downloadprogress' with loaded 0..1 and total 1. */
export class DownloadMonitor extends EventTarget {
  ondownloadprogress: ((this: DownloadMonitor, event: ProgressEvent) => unknown) | null = null

  override dispatchEvent(event: Event): boolean {
    if (event.type === 'downloadprogress')
      this.ondownloadprogress?.call(this, event as ProgressEvent)
    return super.dispatchEvent(event)
  }
}

const speaksEnglish = (tag: string) => /^en(-|$)/i.test(tag)

function offered(options: ProofreaderCoreOptions): boolean {
  return (
    !options.includeCorrectionTypes &&
    !options.includeCorrectionExplanations &&
    (options.expectedInputLanguages ?? []).every(speaksEnglish)
  )
}

/** Corrects English text; one model in a worker of its own, until destroy(). */
export class Proofreader {
  readonly includeCorrectionTypes = false
  readonly includeCorrectionExplanations = false
  readonly expectedInputLanguages: ReadonlyArray<string>
  #engine: Nearfield
  #destroyed = new AbortController()

  private constructor(engine: Nearfield, languages: readonly string[]) {
    this.#engine = engine
    this.expectedInputLanguages = Object.freeze([...languages])
  }

  /** As the draft has it; downloads nothing but the model's manifest. */
  static async availability(options: ProofreaderCoreOptions = {}): Promise<Availability> {
    if (!offered(options)) return 'unavailable'
    return Nearfield.availability({ model: options.model ?? DEFAULT_MODEL })
  }

  /** Resolves when the model is ready. Rejects with a DOMException of the draft's names. */
  static async create(options: ProofreaderOptions = {}): Promise<Proofreader> {
    options.signal?.throwIfAborted()
    if (!offered(options)) {
      throw new DOMException(
        'only English without correction types or explanations',
        'NotSupportedError',
      )
    }
    const monitor = new DownloadMonitor()
    options.monitor?.(monitor)
    const tell = progressTeller(monitor)
    try {
      const engine = await Nearfield.open({
        model: options.model ?? DEFAULT_MODEL,
        onProgress: ({ loaded, total }) => tell(loaded / total),
        ...(options.signal && { signal: options.signal }),
      })
      return new Proofreader(engine, options.expectedInputLanguages ?? [])
    } catch (error) {
      throw asDomException(error)
    }
  }

  /** One text. Rejects with the signal's reason, or an AbortError after destroy(). */
  async proofread(input: string, options: { signal?: AbortSignal } = {}): Promise<ProofreadResult> {
    this.#destroyed.signal.throwIfAborted()
    const signals = [this.#destroyed.signal, ...(options.signal ? [options.signal] : [])]
    try {
      const result = await this.#engine.edit({
        task: 'fix',
        text: input,
        signal: AbortSignal.any(signals),
      })
      return {
        correctedInput: result.text,
        corrections: result.changes.map(({ start, end, replacement }) => ({
          startIndex: start,
          endIndex: end,
          correction: replacement,
        })),
      }
    } catch (error) {
      throw asDomException(error)
    }
  }

  /** What runs rejects with an AbortError; the model's memory is given back. */
  destroy(): void {
    this.#destroyed.abort(abortError('destroy() was called'))
    this.#engine.close()
  }
}

/** Never backwards and nothing twice: storing and loading are one progress to the listener. */
function progressTeller(monitor: DownloadMonitor): (loaded: number) => void {
  let told = -1
  return (loaded) => {
    if (loaded <= told) return
    told = loaded
    monitor.dispatchEvent(
      new ProgressEvent('downloadprogress', { lengthComputable: true, loaded, total: 1 }),
    )
  }
}

const NAMES = {
  network: 'NetworkError',
  unsupported: 'NotSupportedError',
  bad_input: 'DataError',
  no_memory: 'OperationError',
  cancelled: 'AbortError',
  closed: 'InvalidStateError',
  lost: 'OperationError',
  io: 'OperationError',
} as const

function asDomException(error: unknown): unknown {
  return error instanceof NearfieldError
    ? new DOMException(error.message, NAMES[error.code])
    : error
}
