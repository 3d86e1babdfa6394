/**
 * The Writer of the W3C writing-assistance-apis over Nearfield.generate(). English only. A model of
 * 135M parameters writes fluent text of little truth: show it as a draft.
 * source https://webmachinelearning.github.io/writing-assistance-apis/#writer-api
 */
import type { Availability } from '../index.ts'
import {
  canonicalLanguages,
  type LanguageOptions,
  type Languages,
  servedLanguages,
} from './languages.ts'
import {
  availabilityOf,
  type CreateOptions,
  createLife,
  type Life,
  type ModelOptions,
} from './life.ts'
import { Limit } from './limit.ts'
import { choice } from './options.ts'
import { type Recipe, Writing, type WritingOptions } from './writing.ts'
import { contextLines, WritingModel } from './writing_model.ts'

/** How a text sounds; default 'neutral'. */
export type WriterTone = 'formal' | 'neutral' | 'casual'
/** What marks a text may have; default 'markdown'. */
export type WriterFormat = 'plain-text' | 'markdown'
/** How much is written; default 'short'. */
export type WriterLength = 'short' | 'medium' | 'long'
const TONES: readonly WriterTone[] = ['formal', 'neutral', 'casual']
const FORMATS: readonly WriterFormat[] = ['plain-text', 'markdown']
const LENGTHS: readonly WriterLength[] = ['short', 'medium', 'long']

/** What both availability() and create() take. */
export interface WriterCoreOptions extends ModelOptions, LanguageOptions {
  tone?: WriterTone
  format?: WriterFormat
  length?: WriterLength
}
/** What create() takes. */
export interface WriterOptions extends WriterCoreOptions, CreateOptions {
  sharedContext?: string
}
/** What write() takes. */
export type WriteOptions = WritingOptions

interface Settled {
  tone: WriterTone
  format: WriterFormat
  length: WriterLength
  languages: Languages
  refused: string
}

/** Throws a TypeError or RangeError for what the draft has no such value of. */
function settled(options: WriterCoreOptions): Settled {
  const languages = canonicalLanguages(options)
  return {
    tone: choice('tone', TONES, options.tone, 'neutral'),
    format: choice('format', FORMATS, options.format, 'markdown'),
    length: choice('length', LENGTHS, options.length, 'short'),
    languages,
    refused: servedLanguages(languages),
  }
}

const SAID: Record<WriterLength, string> = {
  short: 'one short paragraph',
  medium: 'two paragraphs',
  long: 'several paragraphs',
}
const TOKENS: Record<WriterLength, number> = { short: 120, medium: 250, long: 450 }

/** Paragraphs of prose are Markdown and plain text alike. */
function recipe({ tone, length }: Settled, sharedContext: string): Recipe {
  const manner = tone === 'neutral' ? '' : ` in a ${tone} tone`
  const system = `You write what the user asks for as ${SAID[length]} of prose${manner}.`
  return {
    messages: (input, context) => {
      const about = contextLines(sharedContext, context)
      return [
        { role: 'system', content: system },
        { role: 'user', content: `${about}Write: ${input}` },
      ]
    },
    maxTokens: TOKENS[length],
    repeatPenalty: 1.1, // it would write the same sentence again and again
    limit: () => new Limit(() => null),
  }
}

/**
 * Writes English text, until destroy().
 * @example
 * ```ts
 * import { Writer } from 'nearfield/web'
 *
 * const writer = await Writer.create({ tone: 'casual', length: 'short' })
 * const reader = writer.writeStreaming('a note to a neighbour about a cat').getReader()
 * const { value } = await reader.read() // a piece of it; for await (...) reads all
 * await reader.cancel()
 * writer.destroy()
 * ```
 */
export class Writer extends WritingModel {
  readonly #writing: Writing
  readonly #settled: Settled

  private constructor(life: Life, writing: Writing, settled: Settled, sharedContext: string) {
    super(life, writing, settled.languages, sharedContext)
    this.#writing = writing
    this.#settled = settled
  }

  /** Whether create() could serve the options; downloads nothing but the model's manifest. */
  static async availability(options: WriterCoreOptions = {}): Promise<Availability> {
    return availabilityOf(options, settled(options).refused)
  }

  /** Resolves when the model is ready. Rejects with a DOMException of the draft's names. */
  static async create(options: WriterOptions = {}): Promise<Writer> {
    const all = settled(options)
    const { sharedContext = '' } = options
    const life = await createLife(options, all.refused)
    return new Writer(
      life,
      await Writing.open(life, recipe(all, sharedContext)),
      all,
      sharedContext,
    )
  }

  /** What create() was given, or the default. */
  get tone(): WriterTone {
    return this.#settled.tone
  }
  /** What create() was given, or the default. */
  get format(): WriterFormat {
    return this.#settled.format
  }
  /** What create() was given, or the default. */
  get length(): WriterLength {
    return this.#settled.length
  }
  /** The class's name, as `String(object)` shows it. */
  get [Symbol.toStringTag](): string {
    return 'Writer'
  }

  /** The whole text. Rejects with the signal's reason, or an AbortError after destroy(). */
  write(input: string, options: WriteOptions = {}): Promise<string> {
    return this.#writing.whole(input, options)
  }
  /** The text as it comes. */
  writeStreaming(input: string, options: WriteOptions = {}): ReadableStream<string> {
    return this.#writing.streamed(input, options)
  }
}
