/**
 * What Writer and Summarizer have alike on their surface: languages, shared context, how much an
 * input may be, destroy(). The drafts define these members word for word alike for both.
 * Owns neither options nor prompts: the classes' own. Read next: writing.ts.
 */
import { type Languages, Spoken } from './languages.ts'
import type { Life } from './life.ts'
import type { Writing, WritingOptions } from './writing.ts'

export abstract class WritingModel extends Spoken {
  readonly #life: Life
  readonly #writing: Writing
  readonly #sharedContext: string

  protected constructor(life: Life, writing: Writing, languages: Languages, sharedContext: string) {
    super(languages)
    this.#life = life
    this.#writing = writing
    this.#sharedContext = sharedContext
  }

  /** What create() was given; '' where nothing was. */
  get sharedContext(): string {
    return this.#sharedContext
  }
  /** Tokens that an input with its context may have. */
  get inputQuota(): number {
    return this.#writing.inputQuota
  }

  /** Tokens that the input takes with its context. */
  measureInputUsage(input: string, options: WritingOptions = {}): Promise<number> {
    return this.#writing.usage(input, options)
  }

  /** As inputQuota; the name that the prompt API has for it. */
  get contextWindow(): number {
    return this.inputQuota
  }
  /** As measureInputUsage(). */
  measureContextUsage(input: string, options: WritingOptions = {}): Promise<number> {
    return this.measureInputUsage(input, options)
  }

  /** What runs rejects with an AbortError; a model that nothing else uses is closed. */
  destroy(): void {
    this.#life.end()
  }
}

/** How a prompt tells of the contexts there are: a line each. */
export function contextLines(...contexts: string[]): string {
  return contexts
    .filter((one) => one !== '')
    .map((one) => `Context: ${one}\n`)
    .join('')
}
