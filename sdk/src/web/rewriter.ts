/**
 * The Rewriter of the W3C writing-assistance-apis over Nearfield's edits, passage by passage.
 * 'as-is' in tone and length is 'fix': of the free rewriting that the model can do, too little was
 * measured to be well changed (Status.tasks). Not offered: longer texts, and other formats than the
 * text's own. Contexts are taken and not used: an edit sees its passage.
 * source https://webmachinelearning.github.io/writing-assistance-apis/#rewriter-api
 */
import type { Availability, Task } from '../index.ts'
import {
  canonicalLanguages,
  type LanguageOptions,
  type Languages,
  Spoken,
  servedLanguages,
} from './languages.ts'
import {
  availabilityOf,
  type CallOptions,
  type CreateOptions,
  createLife,
  type Life,
  type ModelOptions,
} from './life.ts'
import { choice } from './options.ts'
import { passagesOf } from './passages.ts'

/** How a text is to sound; default 'as-is'. */
export type RewriterTone = 'as-is' | 'more-formal' | 'more-casual'
/** What marks a text may have; 'as-is' alone is offered. */
export type RewriterFormat = 'as-is' | 'plain-text' | 'markdown'
/** How long it becomes; default 'as-is', 'longer' is not offered. */
export type RewriterLength = 'as-is' | 'shorter' | 'longer'
const TONES: readonly RewriterTone[] = ['as-is', 'more-formal', 'more-casual']
const FORMATS: readonly RewriterFormat[] = ['as-is', 'plain-text', 'markdown']
const LENGTHS: readonly RewriterLength[] = ['as-is', 'shorter', 'longer']

/** What both availability() and create() take. */
export interface RewriterCoreOptions extends ModelOptions, LanguageOptions {
  tone?: RewriterTone
  format?: RewriterFormat
  length?: RewriterLength
}
/** What create() takes. */
export interface RewriterOptions extends RewriterCoreOptions, CreateOptions {
  sharedContext?: string
}
/** What rewrite() takes. */
export interface RewriteOptions extends CallOptions {
  context?: string
}

interface Settled {
  tone: RewriterTone
  format: RewriterFormat
  length: RewriterLength
  languages: Languages
  refused: string
}

/** Throws a TypeError or RangeError for what the draft has no such value of. */
function settled(options: RewriterCoreOptions): Settled {
  const tone = choice('tone', TONES, options.tone, 'as-is')
  const format = choice('format', FORMATS, options.format, 'as-is')
  const length = choice('length', LENGTHS, options.length, 'as-is')
  const languages = canonicalLanguages(options)
  let refused = servedLanguages(languages)
  if (length === 'longer') refused = 'the model does not make a text longer'
  if (format !== 'as-is') refused = 'a text keeps its format'
  return { tone, format, length, languages, refused }
}

function tasksOf({ tone, length }: Settled): Task[] {
  const tasks: Task[] = []
  if (tone === 'more-formal') tasks.push('formal')
  if (tone === 'more-casual') tasks.push('casual')
  if (length === 'shorter') tasks.push('shorten')
  return tasks.length > 0 ? tasks : ['fix']
}

/**
 * Rewrites English text, until destroy().
 * @example
 * ```ts
 * import { Rewriter } from 'nearfield/web'
 *
 * const rewriter = await Rewriter.create({ tone: 'more-formal' })
 * console.log(await rewriter.rewrite("we can't come")) // 'we cannot come'
 * rewriter.destroy()
 * ```
 */
export class Rewriter extends Spoken {
  readonly #life: Life
  readonly #settled: Settled
  readonly #tasks: Task[]
  readonly #sharedContext: string

  private constructor(life: Life, settled: Settled, sharedContext: string) {
    super(settled.languages)
    this.#life = life
    this.#settled = settled
    this.#tasks = tasksOf(settled)
    this.#sharedContext = sharedContext
  }

  /** Whether create() could serve the options; downloads nothing but the model's manifest. */
  static async availability(options: RewriterCoreOptions = {}): Promise<Availability> {
    return availabilityOf(options, settled(options).refused)
  }

  /** Resolves when the model is ready. Rejects with a DOMException of the draft's names. */
  static async create(options: RewriterOptions = {}): Promise<Rewriter> {
    const all = settled(options)
    return new Rewriter(await createLife(options, all.refused), all, options.sharedContext ?? '')
  }

  /** What create() was given, or the default. */
  get tone(): RewriterTone {
    return this.#settled.tone
  }
  /** What create() was given, or the default. */
  get format(): RewriterFormat {
    return this.#settled.format
  }
  /** What create() was given, or the default. */
  get length(): RewriterLength {
    return this.#settled.length
  }
  /** What create() was given; '' where nothing was. */
  get sharedContext(): string {
    return this.#sharedContext
  }
  /** Texts may be as long as they like: they are taken passage by passage. */
  get inputQuota(): number {
    return Number.POSITIVE_INFINITY
  }
  /** As inputQuota; the name that the prompt API has for it. */
  get contextWindow(): number {
    return this.inputQuota
  }
  /** The class's name, as `String(object)` shows it. */
  get [Symbol.toStringTag](): string {
    return 'Rewriter'
  }

  /** The whole text. Rejects with the signal's reason, or an AbortError after destroy(). */
  async rewrite(input: string, options: RewriteOptions = {}): Promise<string> {
    return this.#life.whole(options, async (signal) => {
      let text = ''
      await this.#rewrite(input, signal, (piece) => {
        text += piece
      })
      return text
    })
  }

  /** A piece a passage. */
  rewriteStreaming(input: string, options: RewriteOptions = {}): ReadableStream<string> {
    return this.#life.streamed(options, (signal, put) => this.#rewrite(input, signal, put))
  }

  async #rewrite(input: string, signal: AbortSignal, put: (piece: string) => void): Promise<void> {
    let at = 0
    for (const passage of passagesOf(input)) {
      let { text } = passage
      for (const task of this.#tasks) ({ text } = await this.#life.nf.edit({ task, text, signal }))
      put(input.slice(at, passage.start) + text)
      at = passage.start + passage.text.length
    }
    put(input.slice(at))
  }

  /** 0: there is no quota. */
  async measureInputUsage(_input: string, options: RewriteOptions = {}): Promise<number> {
    return this.#life.whole(options, async () => 0)
  }
  /** The same by the name that the prompt API has for it. */
  measureContextUsage(input: string, options: RewriteOptions = {}): Promise<number> {
    return this.measureInputUsage(input, options)
  }

  /** What runs rejects with an AbortError; a model that nothing else uses is closed. */
  destroy(): void {
    this.#life.end()
  }
}
