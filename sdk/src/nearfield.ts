/**
 * The class an app holds: one model in one worker. Owns the worker's life and its status.
 * Does not know how models are fetched (worker/load.ts) or run (worker/engine.ts).
 */
import { availabilityOf } from './availability.ts'
import { Channel } from './channel.ts'
import type { ChatApi, ChatOptions, ChatParams } from './chat/types.ts'
import { NearfieldError, SupersededError } from './error.ts'
import {
  checkedMessages,
  type GenerateRequest,
  type GenerateResult,
  generateArgs,
  type Message,
  type TokenCount,
} from './generate.ts'
import { type ModelOffer, offeredModels } from './model/offers.ts'
import { Answers, answerKey } from './prefetch.ts'
import { protectedTerms } from './protect.ts'
import type { Bench, EditArgs } from './protocol.ts'
import type {
  Adapter,
  Availability,
  EditRequest,
  EditResult,
  NearfieldApi,
  OpenOptions,
  PrefetchCue,
  PrefetchOptions,
  Status,
  Variant,
  VariantsRequest,
} from './types.ts'
import { startWorker } from './worker_start.ts'

function pageUrl(url: string | URL, what: string, expected: string): URL {
  try {
    return new URL(url, document.baseURI)
  } catch (error) {
    const line = `${what}: '${url}' is not a URL; expected ${expected}`
    throw new NearfieldError('bad_input', line, { cause: error })
  }
}
const modelUrl = (model: string | URL) =>
  pageUrl(model, 'model', "a folder such as '/models/NAME/'")

/** What crosses to the worker. Throws a NearfieldError 'bad_input'. */
function editArgs({ signal: _, key: __, protect, ...rest }: EditRequest): EditArgs {
  if (typeof rest.text !== 'string') {
    throw new NearfieldError('bad_input', 'edit: text must be a string')
  }
  return protect ? { ...rest, protect: protectedTerms(rest.text, protect) } : rest
}

/** None for a cue that edit() would refuse: whoever asks for it hears why. */
function prefetchArgs(request: EditRequest): EditArgs[] {
  try {
    return [editArgs(request)]
  } catch {
    return []
  }
}

/** One model, open in a worker of its own. */
export class Nearfield implements NearfieldApi {
  #channel: Channel
  #status: Status
  #answers = new Answers()
  /** By the key of a request: ends the newest one. */
  #newest = new Map<string, AbortController>()

  private constructor(channel: Channel, status: Status, onStatus: OpenOptions['onStatus']) {
    this.#channel = channel
    this.#status = status
    channel.onStatus = (now) => {
      this.#status = now
      onStatus?.(now)
    }
    channel.onLost = () => channel.onStatus?.({ ...this.#status, state: 'lost' })
  }

  /** Can this browser run a model, and is it stored already? Downloads nothing but manifest.json. */
  static async availability(options: Pick<OpenOptions, 'model'>): Promise<Availability> {
    return availabilityOf(modelUrl(options.model))
  }

  /**
   * The models a server offers, in its order (GET /models/). A server that is still starting is
   * waited for. Rejects with a NearfieldError 'network' or 'bad_input'.
   */
  static async models(folder: string | URL = '/models/'): Promise<ModelOffer[]> {
    return offeredModels(modelUrl(folder))
  }

  /** Resolves when the model is in memory. Rejects with NearfieldError or the signal's reason. */
  static async open(options: OpenOptions): Promise<Nearfield> {
    options.signal?.throwIfAborted()
    const model = modelUrl(options.model).href
    const channel = new Channel(startWorker())
    try {
      const status = await channel.call(
        'open',
        { model, threads: options.threads ?? null, backend: options.backend ?? 'auto' },
        { signal: options.signal, onProgress: options.onProgress },
      )
      return new Nearfield(channel, status, options.onStatus)
    } catch (error) {
      channel.close()
      throw error
    }
  }

  /** What runs here, as of now; a new object after every change. */
  get status(): Status {
    return this.#status
  }

  /**
   * Fetches a LoRA adapter (a GGUF file, see `nearfield adapter --help`) and opens it beside the
   * model; edits name it, and may switch without reloading. It stays open as long as this object. Without the server the file kept
   * in this browser from the last time is taken.
   * Rejects with a NearfieldError 'network', 'bad_input' (made for another model) or 'unsupported'.
   */
  async adapter(url: string | URL, { signal }: { signal?: AbortSignal } = {}): Promise<Adapter> {
    const { href } = pageUrl(url, 'adapter', "a file such as '/models/NAME/fix.gguf'")
    return this.#channel.call('adapter', { url: href }, { signal })
  }

  /**
   * One caption. Requests run one at a time: the most urgent first, of one priority in the order
   * they came. What is known already is answered at once, and the receipt says so.
   */
  async edit(request: EditRequest): Promise<EditResult> {
    const args = editArgs(request)
    const key = answerKey(args)
    request.signal?.throwIfAborted()
    const { signal, done } = this.#supersede(request)
    try {
      const known = this.#status.state === 'ready' ? this.#answers.take(key) : null
      if (known) return known
      this.#answers.drop(key)
      const result = await this.#channel.call('edit', args, { signal })
      this.#answers.remember(key, result)
      return result
    } finally {
      done()
    }
  }

  /**
   * Distinct versions of one caption, the likeliest first; none when nothing should change or
   * nothing fits. They are worked out together, as rows of the same passes, so they come together.
   * The generator's return value is the whole result with its receipt; `signal` ends the work.
   */
  async *variants({ n = 3, ...request }: VariantsRequest): AsyncGenerator<Variant, EditResult> {
    const result = await this.edit({ ...request, variants: n })
    yield* result.variants
    return result
  }

  /** Ends the older request of the same key; answers what ends this one. */
  #supersede({ key, signal }: EditRequest): {
    signal: AbortSignal | undefined
    done: () => void
  } {
    if (key === undefined) return { signal, done: () => {} }
    this.#newest.get(key)?.abort(new SupersededError())
    const newest = new AbortController()
    this.#newest.set(key, newest)
    return {
      signal: AbortSignal.any(signal ? [signal, newest.signal] : [newest.signal]),
      done: () => {
        if (this.#newest.get(key) === newest) this.#newest.delete(key)
      },
    }
  }

  /**
   * Idle work for what is likely to be asked next: edit() then answers at once. Never waited for,
   * never in the way, thrown away freely; failures are told to whoever asks for the edit itself.
   */
  prefetch(cues: readonly PrefetchCue[], { task, priority }: PrefetchOptions): void {
    const wanted = cues.flatMap((cue) => prefetchArgs({ ...cue, task }))
    this.#answers.prefetch(wanted, priority, (args, signal) =>
      this.#channel.call('edit', args, { signal }),
    )
  }

  /**
   * A text by the model itself. Texts and edits run one at a time, as edit() says; a small model
   * writes fluently and knows little. Rejects with a NearfieldError 'bad_input' when the
   * conversation does not fit the context (countTokens()), 'unsupported' when the model's chat
   * template takes no such turns.
   */
  async generate(request: GenerateRequest): Promise<GenerateResult> {
    const { signal, onText } = request
    return this.#channel.call('generate', generateArgs(request), { signal, onPiece: onText })
  }

  /** How many tokens the model reads of a conversation; does not wait for what runs. */
  async countTokens(
    messages: readonly Message[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<TokenCount> {
    return this.#channel.call('tokens', { messages: checkedMessages(messages) }, { signal })
  }

  /** `chat.completions.create()` in OpenAI's shape; its code is loaded when it is first called. */
  readonly chat: ChatApi = {
    completions: {
      create: (async (params: ChatParams, options?: ChatOptions) =>
        (await import('./chat.ts')).createCompletion(
          this,
          params,
          options,
        )) as ChatApi['completions']['create'],
    },
  }

  /** How fast this engine is here; for bench/, it blocks the queue for seconds. */
  bench(repeats = 5): Promise<Bench> {
    return this.#channel.call('bench', { repeats })
  }

  /** Frees the worker and the model's memory; what runs rejects with an AbortError. */
  close(): void {
    this.#channel.close()
    this.#status = { ...this.#status, state: 'closed' }
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
