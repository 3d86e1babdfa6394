/**
 * What Writer and Summarizer have alike on their surface: languages, shared context, how much an
 * input may be, destroy(). The drafts define these members word for word alike for both.
 * Owns neither options nor prompts: the classes' own. Read next: writing.ts.
 */
import type { Languages } from './languages.ts'
import type { Life } from './life.ts'
import type { Writing, WritingOptions } from './writing.ts'

export abstract class WritingModel implements Languages {
  readonly sharedContext: string
  readonly expectedInputLanguages?: ReadonlyArray<string>
  readonly expectedContextLanguages?: ReadonlyArray<string>
  readonly outputLanguage?: string
  readonly inputQuota: number
  readonly #life: Life
  readonly #writing: Writing

  protected constructor(life: Life, writing: Writing, languages: Languages, sharedContext: string) {
    this.#life = life
    this.#writing = writing
    Object.assign(this, languages)
    this.sharedContext = sharedContext
    this.inputQuota = writing.inputQuota
  }

  measureInputUsage(input: string, options: WritingOptions = {}): Promise<number> {
    return this.#writing.usage(input, options)
  }

  /** inputQuota and measureInputUsage() by the names that the prompt API has for them. */
  get contextWindow(): number {
    return this.inputQuota
  }
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
