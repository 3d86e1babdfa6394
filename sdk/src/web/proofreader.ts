/**
 * The W3C proofreader-api's shape over Nearfield's 'fix'. English only, no types or explanations.
 * source https://github.com/webmachinelearning/proofreader-api
 */
import type { Availability } from '../index.ts'
import { canonicalTags, servedLanguages } from './languages.ts'
import {
  availabilityOf,
  type CallOptions,
  type CreateOptions,
  createLife,
  type Life,
  type ModelOptions,
} from './life.ts'
import { passagesOf } from './passages.ts'

/** What both availability() and create() take. */
export interface ProofreaderCoreOptions extends ModelOptions {
  expectedInputLanguages?: string[]
  includeCorrectionTypes?: boolean
  includeCorrectionExplanations?: boolean
  correctionExplanationLanguage?: string
}
/** What create() takes. */
export interface ProofreaderOptions extends ProofreaderCoreOptions, CreateOptions {}
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

/** Throws a RangeError for what is no language tag. */
function refused(options: ProofreaderCoreOptions): string {
  const expectedInputLanguages = canonicalTags(options.expectedInputLanguages)
  const { correctionExplanationLanguage: outputLanguage } = options
  canonicalTags(outputLanguage === undefined ? [] : [outputLanguage])
  if (options.includeCorrectionTypes || options.includeCorrectionExplanations) {
    return 'the model corrects without types or explanations'
  }
  return servedLanguages({ expectedInputLanguages })
}

/**
 * Corrects English text, until destroy().
 * @example
 * ```ts
 * import { Proofreader } from 'nearfield/web'
 *
 * const proofreader = await Proofreader.create()
 * const { correctedInput, corrections } = await proofreader.proofread('she go to the libary')
 * for (const { startIndex, endIndex, correction } of corrections) {
 *   console.log(startIndex, endIndex, correction)
 * }
 * console.log(correctedInput) // 'She went to the library.'
 * proofreader.destroy()
 * ```
 */
export class Proofreader {
  readonly #life: Life
  readonly #languages: ReadonlyArray<string>

  private constructor(life: Life, languages: readonly string[]) {
    this.#life = life
    this.#languages = Object.freeze([...languages])
  }

  /** As the draft has it; downloads nothing but the model's manifest. */
  static async availability(options: ProofreaderCoreOptions = {}): Promise<Availability> {
    return availabilityOf(options, refused(options))
  }

  /** Resolves when the model is ready. Rejects with a DOMException of the draft's names. */
  static async create(options: ProofreaderOptions = {}): Promise<Proofreader> {
    const life = await createLife(options, refused(options))
    return new Proofreader(life, canonicalTags(options.expectedInputLanguages))
  }

  /** Always false: the model gives none. */
  get includeCorrectionTypes(): boolean {
    return false
  }
  /** Always false: the model gives none. */
  get includeCorrectionExplanations(): boolean {
    return false
  }
  /** Canonical, frozen; empty where none was given. */
  get expectedInputLanguages(): ReadonlyArray<string> {
    return this.#languages
  }
  /** The class's name, as `String(object)` shows it. */
  get [Symbol.toStringTag](): string {
    return 'Proofreader'
  }

  /** One text. Rejects with the signal's reason, or an AbortError after destroy(). */
  proofread(input: string, options: CallOptions = {}): Promise<ProofreadResult> {
    return this.#life.whole(options, async (signal) => {
      const corrections: ProofreadCorrection[] = []
      let correctedInput = ''
      let at = 0
      for (const { text, start } of passagesOf(input)) {
        const result = await this.#life.nf.edit({ task: 'fix', text, signal })
        correctedInput += input.slice(at, start) + result.text
        at = start + text.length
        for (const { start: from, end, replacement: correction } of result.changes) {
          corrections.push({ startIndex: start + from, endIndex: start + end, correction })
        }
      }
      return { correctedInput: correctedInput + input.slice(at), corrections }
    })
  }

  /** What runs rejects with an AbortError; a model that nothing else uses is closed. */
  destroy(): void {
    this.#life.end()
  }
}
