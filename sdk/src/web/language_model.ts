/**
 * The prompt-api's LanguageModel over Nearfield.generate(). Text in English only; no tools; no
 * constrained decoding: `responseConstraint` is refused, as an answer that may break it would be a
 * lie. What the draft leaves open or says twice is settled in docs/api.md.
 * source https://webmachinelearning.github.io/prompt-api/
 */
import type { Availability, Message, Nearfield } from '../index.ts'
import { Conversation } from './conversation.ts'
import { notSupported } from './errors.ts'
import { canonicalTags, isEnglish } from './languages.ts'
import {
  availabilityOf,
  type CallOptions,
  type CreateOptions,
  createLife,
  type Life,
  type ModelOptions,
} from './life.ts'
import {
  type Canonical,
  canonicalPrompt,
  checkType,
  type Prompt,
  type PromptMessage,
} from './prompt.ts'
import { type Sampling, type SamplingMode, type SamplingOptions, samplingOf } from './sampling.ts'
import { countTokens } from './tokens.ts'

/** What a session is asked to read or write; only text in English is served. */
export interface LanguageModelExpected {
  type: string
  languages?: readonly string[]
}
/** What both availability() and create() take. */
export type LanguageModelCoreOptions = ModelOptions &
  SamplingOptions & {
    expectedInputs?: readonly LanguageModelExpected[]
    expectedOutputs?: readonly LanguageModelExpected[]
    tools?: readonly unknown[]
  }
/** What create() takes. */
export type LanguageModelOptions = LanguageModelCoreOptions &
  CreateOptions & { initialPrompts?: readonly PromptMessage[] }
/** What prompt() takes. */
export interface PromptOptions extends CallOptions {
  /** A JSON Schema or an expression: not supported yet, rejects with a NotSupportedError. */
  responseConstraint?: object
  omitResponseConstraintInput?: boolean
  /** Beyond the draft: the most tokens of the answer. */
  maxTokens?: number
  /** Beyond the draft: the same seed gives the same answer. Default: another one each time. */
  seed?: number
}

/** Throws a RangeError for what is no language tag; else why it is not served, or ''. */
function refused(options: LanguageModelCoreOptions): string {
  const { expectedInputs = [], expectedOutputs = [], tools = [] } = options
  const expected = [...expectedInputs, ...expectedOutputs]
  for (const { type } of expected) checkType(type)
  const tags = expected.flatMap(({ languages }) => canonicalTags(languages))
  const other = expected.find(({ type }) => type !== 'text')
  if (other) return `the model reads and writes text, not '${other.type}'`
  const foreign = tags.find((tag) => !isEnglish(tag))
  if (foreign) return `the model has English only, not '${foreign}'`
  return tools.length > 0 ? 'the model calls no tools' : ''
}

function checkConstraint(options: PromptOptions): void {
  const { responseConstraint, omitResponseConstraintInput } = options
  if (responseConstraint == null) {
    if (!omitResponseConstraintInput) return
    throw new TypeError('omitResponseConstraintInput: there is no responseConstraint')
  }
  if (typeof responseConstraint !== 'object') {
    throw new TypeError('responseConstraint: expected a JSON Schema or a RegExp')
  }
  throw notSupported('responseConstraint: the engine cannot hold an answer to it')
}

interface Parts {
  life: Life
  sampling: Sampling
  conversation: Conversation
  usage: number
  window: number
}

/** A RangeError of the sampling's as a line, or ''. */
function badNumbers(options: LanguageModelCoreOptions): string {
  try {
    samplingOf(options)
    return ''
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

/** What is called when older turns were dropped. */
export type OverflowHandler = ((event: Event) => unknown) | null
const functionOrNull = (handler: OverflowHandler) =>
  typeof handler === 'function' ? handler : null

/**
 * A conversation with the model, until destroy().
 * @example
 * ```ts
 * import { LanguageModel } from 'nearfield/web'
 *
 * const session = await LanguageModel.create({
 *   samplingMode: 'most-predictable',
 *   initialPrompts: [{ role: 'system', content: 'You answer in one short sentence.' }],
 * })
 * const answer = await session.prompt('What is the capital of France?', { maxTokens: 16 })
 * console.log(answer, session.contextUsage, session.contextWindow)
 * session.destroy()
 * ```
 */
export class LanguageModel extends EventTarget {
  #oncontextoverflow: OverflowHandler = null
  #onquotaoverflow: OverflowHandler = null
  readonly #life: Life
  readonly #sampling: Sampling
  readonly #window: number
  #conversation: Conversation
  #usage: number
  /** The end of the last call: they take their turns. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor({ life, sampling, conversation, usage, window }: Parts) {
    super()
    this.#life = life
    this.#sampling = sampling
    this.#conversation = conversation
    this.#usage = usage
    this.#window = window
    this.addEventListener('contextoverflow', (event) => this.#oncontextoverflow?.call(this, event))
    this.addEventListener('quotaoverflow', (event) => this.#onquotaoverflow?.call(this, event))
  }

  /**
   * Whether create() could serve the options; downloads nothing but the model's manifest. Rejects
   * with a TypeError or RangeError for what the draft has no such value of; numbers that create()
   * would reject are 'unavailable'.
   */
  static async availability(options: LanguageModelCoreOptions = {}): Promise<Availability> {
    return availabilityOf(options, refused(options) || badNumbers(options))
  }

  /** The draft keeps this for extensions. */
  static async params(): Promise<{
    readonly defaultTopK: number
    readonly maxTopK: number
    readonly defaultTemperature: number
    readonly maxTemperature: number
  }> {
    const { topK: defaultTopK, temperature: defaultTemperature } = samplingOf({})
    return { defaultTopK, maxTopK: 128, defaultTemperature, maxTemperature: 2 }
  }

  /** Resolves when the model is ready. Rejects with a DOMException of the draft's names. */
  static async create(options: LanguageModelOptions = {}): Promise<LanguageModel> {
    const sampling = samplingOf(options)
    const { initialPrompts = [] } = options
    const initial = initialPrompts.length > 0 ? canonicalPrompt(initialPrompts, false) : null
    if (initial?.prefix) throw new DOMException('prefix: of an initial prompt', 'SyntaxError')
    const life = await createLife(options, refused(options))
    try {
      const some = initial ?? canonicalPrompt('', false) // the engine counts no empty prompt
      const { tokens, window } = await life.whole({}, (signal) =>
        new Conversation([]).fitted(some, counterOf(life.nf, signal)),
      )
      const usage = initial ? tokens : 0
      const conversation = new Conversation(initial?.messages ?? [])
      return new LanguageModel({ life, sampling, conversation, usage, window })
    } catch (error) {
      life.end()
      throw error
    }
  }

  /** Tokens that the conversation takes, answers included. */
  get contextUsage(): number {
    return this.#usage
  }
  /** Tokens that a conversation may take. */
  get contextWindow(): number {
    return this.#window
  }
  /** Among how many tokens the next one is chosen, at most 128. */
  get topK(): number {
    return this.#sampling.topK
  }
  /** How far the likeliest tokens stand out: 0 (always the likeliest) to 2. */
  get temperature(): number {
    return this.#sampling.temperature
  }
  /** null where topK or temperature were given. */
  get samplingMode(): SamplingMode | null {
    return this.#sampling.mode
  }
  /** Called with each 'contextoverflow'; what is no function counts as null. */
  get oncontextoverflow(): OverflowHandler {
    return this.#oncontextoverflow
  }
  /** As its getter says. */
  set oncontextoverflow(handler: OverflowHandler) {
    this.#oncontextoverflow = functionOrNull(handler)
  }
  /** By the event's older name; what is set here is called too. */
  get onquotaoverflow(): OverflowHandler {
    return this.#onquotaoverflow
  }
  /** As its getter says. */
  set onquotaoverflow(handler: OverflowHandler) {
    this.#onquotaoverflow = functionOrNull(handler)
  }
  /** The class's name, as `String(object)` shows it. */
  get [Symbol.toStringTag](): string {
    return 'LanguageModel'
  }
  /** contextUsage by its older name. */
  get inputUsage(): number {
    return this.contextUsage
  }
  /** contextWindow by its older name. */
  get inputQuota(): number {
    return this.contextWindow
  }
  /** measureContextUsage() by its older name. */
  measureInputUsage(input: Prompt, options: PromptOptions = {}): Promise<number> {
    return this.measureContextUsage(input, options)
  }

  /** The answer. One call runs at a time, in the order they came. */
  async prompt(input: Prompt, options: PromptOptions = {}): Promise<string> {
    return this.#life.whole(options, (signal) => this.#answer(input, { ...options, signal }))
  }

  /** The answer as it comes. */
  promptStreaming(input: Prompt, options: PromptOptions = {}): ReadableStream<string> {
    return this.#life.streamed(options, (signal, put) =>
      this.#answer(input, { ...options, signal }, put),
    )
  }

  /** Said, and not answered yet. */
  async append(input: Prompt, options: CallOptions = {}): Promise<undefined> {
    return this.#life.whole(options, (signal) =>
      this.#inTurn(signal, async () => {
        const asked = canonicalPrompt(input, this.#conversation.begun)
        const { conversation, tokens } = await this.#fit(asked, signal)
        this.#conversation = conversation.after(asked, null)
        this.#usage = tokens
        return undefined
      }),
    )
  }

  /** How much of the context the input would take. */
  async measureContextUsage(input: Prompt, options: PromptOptions = {}): Promise<number> {
    checkConstraint(options)
    return this.#life.whole(options, async (signal) => {
      const asked = canonicalPrompt(input, false)
      const count = counterOf(this.#life.nf, signal)
      // what begins with a system message could only be a whole session
      const alone = asked.messages[0]?.role === 'system'
      const usage = alone ? 0 : this.#usage // as it is now: a prompt may end meanwhile
      const conversation = alone ? new Conversation([]) : this.#conversation
      const { tokens } = await count(conversation.with(asked))
      return Math.max(tokens - usage, 0)
    })
  }

  /** A session that goes on from here by itself. */
  async clone(options: CallOptions = {}): Promise<LanguageModel> {
    const [sampling, window] = [this.#sampling, this.#window]
    const [conversation, usage] = [this.#conversation, this.#usage]
    return this.#life.whole(options, async (signal) => {
      await null // one that is aborted at once holds nothing
      signal.throwIfAborted()
      return new LanguageModel({ life: this.#life.again(), sampling, conversation, usage, window })
    })
  }

  /** What runs rejects with an AbortError; a model that nothing else uses is closed. */
  destroy(): undefined {
    this.#life.end()
  }

  async #answer(
    input: Prompt,
    options: PromptOptions & { signal: AbortSignal },
    put: (piece: string) => void = () => {},
  ): Promise<string> {
    checkConstraint(options)
    const { signal, maxTokens, seed = crypto.getRandomValues(new Uint32Array(1))[0]! } = options
    return this.#inTurn(signal, async () => {
      const asked = canonicalPrompt(input, this.#conversation.begun)
      const { conversation, messages } = await this.#fit(asked, signal)
      const { text, receipt } = await this.#life.nf.generate({
        ...this.#sampling.how,
        seed,
        messages,
        signal,
        onText: put,
        ...(maxTokens !== undefined && { maxTokens }),
      })
      this.#conversation = conversation.after(asked, text)
      this.#usage = Math.min(receipt.inputTokens + receipt.outputTokens, this.#window)
      return text
    })
  }

  /** What does not fit is dropped at once: a prompt that is aborted later does not bring it back. */
  async #fit(asked: Canonical, signal: AbortSignal) {
    const count = counterOf(this.#life.nf, signal)
    const fitted = await this.#conversation.fitted(asked, count)
    if (!fitted.overflowed) return fitted
    const usage = await fitted.conversation.tokens(count)
    this.#conversation = fitted.conversation
    this.#usage = usage
    for (const name of ['contextoverflow', 'quotaoverflow']) this.dispatchEvent(new Event(name))
    return fitted
  }

  /** One that is aborted before its turn has come does nothing. */
  #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      signal.throwIfAborted()
      return work()
    })
    this.#last = turn.catch(() => {})
    return turn
  }
}

const counterOf = (nf: Nearfield, signal: AbortSignal) => (messages: Message[]) =>
  countTokens(nf, messages, signal)
