/**
 * The W3C proofreader-api's shape over Nearfield. Differs from a browser's own by one option,
 * `model`, and is English only. Errors are DOMExceptions of the draft's names.
 * source https://github.com/webmachinelearning/proofreader-api
 */
import { abortError, NearfieldError } from './error.ts'
import { Nearfield } from './nearfield.ts'
import type { Availability } from './types.ts'

export interface ProofreaderCoreOptions {
  /** Folder URL of the model; default: DEFAULT_MODEL on the page's own server. */
  model?: string | URL
  expectedInputLanguages?: string[]
  includeCorrectionTypes?: boolean
  includeCorrectionExplanations?: boolean
  correctionExplanationLanguage?: string
}
export interface ProofreaderOptions extends ProofreaderCoreOptions {
  signal?: AbortSignal
  monitor?: ((monitor: DownloadMonitor) => unknown) | null
}
export interface ProofreadCorrection {
  startIndex: number
  endIndex: number
  correction: string
}
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

  static async availability(options: ProofreaderCoreOptions = {}): Promise<Availability> {
    if (!offered(options)) return 'unavailable'
    return Nearfield.availability({ model: options.model ?? DEFAULT_MODEL })
  }

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
