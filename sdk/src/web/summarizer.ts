/**
 * The Summarizer of the W3C writing-assistance-apis over Nearfield.generate(). English only. The
 * draft's lengths are kept to by cutting; what a model of 135M parameters says may be wrong.
 * source https://webmachinelearning.github.io/writing-assistance-apis/#summarizer-api
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
import { atMostSentences, atMostWords, Limit, Points } from './limit.ts'
import { choice } from './options.ts'
import { type Recipe, Writing, type WritingOptions } from './writing.ts'
import { contextLines, WritingModel } from './writing_model.ts'

/** What kind of summary; default 'key-points'. */
export type SummarizerType = 'tldr' | 'teaser' | 'key-points' | 'headline'
/** What marks a summary may have; default 'markdown'. */
export type SummarizerFormat = 'plain-text' | 'markdown'
/** How many points, sentences or words; default 'short'. */
export type SummarizerLength = 'short' | 'medium' | 'long'
/** Taken and not used: there is one model. */
export type PerformancePreference = 'auto' | 'speed' | 'capability'
const TYPES: readonly SummarizerType[] = ['tldr', 'teaser', 'key-points', 'headline']
const FORMATS: readonly SummarizerFormat[] = ['plain-text', 'markdown']
const LENGTHS: readonly SummarizerLength[] = ['short', 'medium', 'long']
const PREFERENCES: readonly PerformancePreference[] = ['auto', 'speed', 'capability']

/** What both availability() and create() take. */
export interface SummarizerCoreOptions extends ModelOptions, LanguageOptions {
  type?: SummarizerType
  format?: SummarizerFormat
  length?: SummarizerLength
  preference?: PerformancePreference
}
/** What create() takes. */
export interface SummarizerOptions extends SummarizerCoreOptions, CreateOptions {
  sharedContext?: string
}
/** What summarize() takes. */
export type SummarizeOptions = WritingOptions

interface Settled {
  type: SummarizerType
  format: SummarizerFormat
  length: SummarizerLength
  preference: PerformancePreference
  languages: Languages
  refused: string
}

/** Throws a TypeError or RangeError for what the draft has no such value of. */
function settled(options: SummarizerCoreOptions): Settled {
  const languages = canonicalLanguages(options)
  return {
    type: choice('type', TYPES, options.type, 'key-points'),
    format: choice('format', FORMATS, options.format, 'markdown'),
    length: choice('length', LENGTHS, options.length, 'short'),
    preference: choice('preference', PREFERENCES, options.preference, 'auto'),
    languages,
    refused: servedLanguages(languages),
  }
}

/** source "SummarizerLength values" */
const SENTENCES: Record<SummarizerLength, number> = { short: 1, medium: 3, long: 5 }
const POINTS: Record<SummarizerLength, number> = { short: 3, medium: 5, long: 7 }
const WORDS: Record<SummarizerLength, number> = { short: 12, medium: 17, long: 22 }
const TOKENS_PER_SENTENCE = 50
const numbers = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven']

/** Asked for points, the model invents; asked for so many sentences, it stays with the text. */
function asked({ type, length }: Settled): Pick<Recipe, 'maxTokens' | 'limit'> & { task: string } {
  const n = type === 'key-points' ? POINTS[length] : SENTENCES[length]
  const many = n === 1 ? 'one sentence' : `${numbers[n]} sentences`
  const maxTokens = TOKENS_PER_SENTENCE * n
  switch (type) {
    case 'key-points':
      return { task: `Summarize the text in ${many}.`, maxTokens, limit: () => new Points(n) }
    case 'tldr':
    case 'teaser': {
      const some = type === 'teaser' ? many.replace(' ', ' exciting ') : many
      const task = `Summarize the text in ${some}.`
      return { task, maxTokens, limit: () => new Limit(atMostSentences(n)) }
    }
    case 'headline':
      return {
        task: `Write a headline of at most ${WORDS[length]} words for the text.`,
        maxTokens: TOKENS_PER_SENTENCE,
        limit: () => new Limit(atMostWords(WORDS[length])),
      }
  }
}

/** A line of prose and a list of dashes are Markdown and plain text alike. */
function recipe(options: Settled, sharedContext: string): Recipe {
  const { task, ...rest } = asked(options)
  return {
    ...rest,
    repeatPenalty: 1, // the words of the text are the right ones: without them it invents
    messages: (input, context) => {
      const about = contextLines(sharedContext, context)
      return [{ role: 'user', content: `${task}\n\n${about}${input}` }]
    },
  }
}

/**
 * Summarizes English text, until destroy().
 * @example
 * ```ts
 * import { Summarizer } from 'nearfield/web'
 *
 * const summarizer = await Summarizer.create({ type: 'headline' })
 * const text = 'The harbour was closed on Monday after a storm. Two ferries were damaged.'
 * if ((await summarizer.measureInputUsage(text)) <= summarizer.inputQuota) {
 *   console.log(await summarizer.summarize(text))
 * }
 * summarizer.destroy()
 * ```
 */
export class Summarizer extends WritingModel {
  readonly #writing: Writing
  readonly #settled: Settled

  private constructor(life: Life, writing: Writing, settled: Settled, sharedContext: string) {
    super(life, writing, settled.languages, sharedContext)
    this.#writing = writing
    this.#settled = settled
  }

  /** Whether create() could serve the options; downloads nothing but the model's manifest. */
  static async availability(options: SummarizerCoreOptions = {}): Promise<Availability> {
    return availabilityOf(options, settled(options).refused)
  }

  /** Resolves when the model is ready. Rejects with a DOMException of the draft's names. */
  static async create(options: SummarizerOptions = {}): Promise<Summarizer> {
    const all = settled(options)
    const { sharedContext = '' } = options
    const life = await createLife(options, all.refused)
    const writing = await Writing.open(life, recipe(all, sharedContext))
    return new Summarizer(life, writing, all, sharedContext)
  }

  /** What create() was given, or the default. */
  get type(): SummarizerType {
    return this.#settled.type
  }
  /** What create() was given, or the default. */
  get format(): SummarizerFormat {
    return this.#settled.format
  }
  /** What create() was given, or the default. */
  get length(): SummarizerLength {
    return this.#settled.length
  }
  /** What create() was given, or the default. */
  get preference(): PerformancePreference {
    return this.#settled.preference
  }
  /** The class's name, as `String(object)` shows it. */
  get [Symbol.toStringTag](): string {
    return 'Summarizer'
  }

  /** The whole summary. Rejects with the signal's reason, or an AbortError after destroy(). */
  summarize(input: string, options: SummarizeOptions = {}): Promise<string> {
    return this.#writing.whole(input, options)
  }
  /** The summary as it comes. */
  summarizeStreaming(input: string, options: SummarizeOptions = {}): ReadableStream<string> {
    return this.#writing.streamed(input, options)
  }
}
