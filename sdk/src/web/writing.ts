/**
 * What Writer and Summarizer share: one prompt and its answer by Nearfield.generate(), how much of
 * the context an input may take, and where the text ends. Owns the accounting; the words of the
 * prompts are the classes' own.
 */
import type { Message } from '../index.ts'
import { quotaExceeded } from './errors.ts'
import type { CallOptions, Life } from './life.ts'
import type { Limiter } from './limit.ts'
import { countTokens } from './tokens.ts'

export interface Recipe {
  messages(input: string, context: string): Message[]
  maxTokens: number
  /** 1: none. Greedy otherwise: the same input gives the same text. */
  repeatPenalty: number
  /** Where its answer ends; a new one for each. */
  limit(): Limiter
}

/** What write() and summarize() take. */
export interface WritingOptions extends CallOptions {
  /** What the model is to know about the input; counts as it does. */
  context?: string
}

export class Writing {
  /** Tokens that an input with its context may have. */
  readonly inputQuota: number
  readonly #life: Life
  readonly #recipe: Recipe
  /** Tokens of everything but the input. */
  readonly #own: number

  private constructor(life: Life, recipe: Recipe, own: number, inputQuota: number) {
    this.#life = life
    this.#recipe = recipe
    this.#own = own
    this.inputQuota = inputQuota
  }

  /** Rejects with a QuotaExceededError where the shared context leaves no room. Ends the life then. */
  static async open(life: Life, recipe: Recipe): Promise<Writing> {
    try {
      return await life.whole({}, async (signal) => {
        const { tokens, context } = await countTokens(life.nf, recipe.messages('', ''), signal)
        const most = context - 1 - recipe.maxTokens
        if (tokens >= most) throw quotaExceeded(tokens, most)
        return new Writing(life, recipe, tokens, most - tokens)
      })
    } catch (error) {
      life.end()
      throw error
    }
  }

  async whole(input: string, options: WritingOptions): Promise<string> {
    return this.#life.whole(options, async (signal) => {
      let text = ''
      await this.#write(input, { ...options, signal }, (piece) => {
        text += piece
      })
      return text
    })
  }

  streamed(input: string, options: WritingOptions): ReadableStream<string> {
    return this.#life.streamed(options, (signal, put) =>
      this.#write(input, { ...options, signal }, put),
    )
  }

  async usage(input: string, options: WritingOptions): Promise<number> {
    return this.#life.whole(options, (signal) => this.#usage(input, { ...options, signal }))
  }

  async #usage(input: string, { context = '', signal }: WritingOptions): Promise<number> {
    const messages = this.#recipe.messages(input, context)
    const { tokens } = await countTokens(this.#life.nf, messages, signal)
    return Math.max(tokens - this.#own, 1)
  }

  async #write(
    input: string,
    options: WritingOptions & { signal: AbortSignal },
    put: (piece: string) => void,
  ): Promise<void> {
    if (input.trim() === '') return // as the draft has it
    const requested = await this.#usage(input, options)
    if (requested > this.inputQuota) throw quotaExceeded(requested, this.inputQuota)
    const { maxTokens, repeatPenalty } = this.#recipe
    const limit = this.#recipe.limit()
    const enough = new AbortController()
    try {
      await this.#life.nf.generate({
        temperature: 0,
        repeatPenalty,
        messages: this.#recipe.messages(input, options.context ?? ''),
        maxTokens,
        signal: AbortSignal.any([options.signal, enough.signal]),
        onText: (piece) => {
          put(limit.add(piece))
          if (limit.full) enough.abort()
        },
      })
    } catch (error) {
      if (!limit.full || options.signal.aborted) throw error
    }
  }
}
