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
import { journal, noted } from './journal.ts'
import { loadManifest } from './model/manifest.ts'
import { type ModelOffer, offeredModels } from './model/offers.ts'
import { Answers, answerKey } from './prefetch.ts'
import { protectedTerms } from './protect.ts'
import type { Bench, EditArgs } from './protocol.ts'
import type { Routed } from './routed.ts'
import { none } from './router/ledger.ts'
import type {
  Adapter,
  Availability,
  EditRequest,
  EditResult,
  LedgerSums,
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

/** Rejects as 'cancelled' when the page does not want the download. */
async function askFirst({ consent, signal }: OpenOptions, model: string): Promise<void> {
  const manifest = await loadManifest(model, signal)
  const { mayDownload } = await import('./consent.ts')
  if (await mayDownload(consent!, model, manifest, signal)) return
  throw new NearfieldError('cancelled', `the download of ${manifest.name} was not wanted`)
}

/** What an answer depends on: it crosses to the worker. Throws a NearfieldError 'bad_input'. */
function editArgs(request: EditRequest): EditArgs {
  const { signal: _, key: __, mode: ___, deadlineMs: ____, protect, ...rest } = request
  if (typeof rest.text !== 'string') {
    throw new NearfieldError('bad_input', 'edit: text must be a string')
  }
  return protect ? { ...rest, protect: protectedTerms(rest.text, protect) } : rest
}

/** Never rejects. */
const reportOn = (status: Status | null): Promise<string> =>
  import('./report.ts').then(
    ({ report }) => report(journal, status),
    () => 'no report: its code could not be fetched',
  )

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
  #engine!: Pick<Channel, 'call' | 'close'>
  #status!: Status
  #routed: Routed | null = null
  #mode: EditRequest['mode']
  /** Of edits without a server; with one the router keeps the ledger. */
  #sums = none()
  #answers = new Answers()
  /** By the key of a request: ends the newest one. */
  #newest = new Map<string, AbortController>()

  private constructor() {}

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

  /**
   * Resolves when the model is in memory; with a server at once, and the model comes along behind it
   * (`signal` ends that too, until it is there). Rejects with NearfieldError or the signal's reason.
   * @example
   * ```ts
   * import { Nearfield } from 'nearfield'
   *
   * const nf = await Nearfield.open({
   *   model: '/models/smollm2-135m-instruct.q4_1/',
   *   onProgress: ({ loaded, total, stage }) => console.log(stage, loaded / total),
   * })
   * console.log(nf.status.backend, nf.status.backendReason)
   * nf.close()
   * ```
   */
  static open(options: OpenOptions): Promise<Nearfield> {
    return noted('open', Nearfield.#open(options))
  }

  static async #open(options: OpenOptions): Promise<Nearfield> {
    const { signal, threads = null, backend = 'auto' } = options
    signal?.throwIfAborted()
    const model = modelUrl(options.model).href
    const nf = new Nearfield()
    nf.#mode = options.mode
    let isOpen = false // a worker that takes the place of another one is not the signal's to end
    const tell = (now: Status) => {
      nf.#status = now
      isOpen ||= now.state === 'ready'
      options.onStatus?.(now)
    }
    let asked = !options.consent
    const ask = async () => {
      await askFirst(options, model)
      asked = true
    }
    const start = (heard?: OpenOptions['onProgress']) => {
      const channel = new Channel(startWorker())
      const onProgress: OpenOptions['onProgress'] = (progress) => {
        heard?.(progress)
        options.onProgress?.(progress)
      }
      const ends = isOpen ? undefined : signal
      const open = () =>
        channel.call('open', { model, threads, backend }, { signal: ends, onProgress })
      return { channel, opening: noted('load', asked ? open() : ask().then(open)) }
    }
    if (options.server !== undefined) {
      nf.#routed = await (await import('./routed.ts')).openRouted(options, start, tell)
      nf.#engine = nf.#routed
      nf.#status = nf.#routed.status
      return nf
    }
    if (!asked) await ask()
    const { channel, opening } = start()
    nf.#engine = channel
    try {
      nf.#status = await opening
    } catch (error) {
      channel.close()
      throw error
    }
    channel.onStatus = tell
    channel.onLost = () => tell({ ...nf.#status, state: 'lost' })
    return nf
  }

  /** What runs here, as of now; a new object after every change. */
  get status(): Status {
    return this.#status
  }

  /**
   * Fetches a LoRA adapter (a GGUF file, see `nearfield adapter --help`) and opens it beside the
   * model; edits name it, and may switch without reloading. It stays open as long as this object.
   * Without the server the file kept in this browser from the last time is taken.
   * Rejects with a NearfieldError 'network', 'bad_input' (made for another model) or 'unsupported'.
   */
  async adapter(url: string | URL, { signal }: { signal?: AbortSignal } = {}): Promise<Adapter> {
    const { href } = pageUrl(url, 'adapter', "a file such as '/models/NAME/fix.gguf'")
    return this.#engine.call('adapter', { url: href }, { signal })
  }

  /**
   * One caption. Requests run one at a time: the most urgent first, of one priority in the order
   * they came. What is known already is answered at once, and the receipt says so.
   * @example
   * ```ts
   * const result = await nf.edit({ task: 'fix', text: 'she go to the libary', maxChars: 42 })
   * result.text // 'She went to the library.'
   * result.verdict // 'changed' | 'unchanged' | 'unfit': no answer kept to the limits
   * result.changes // [{ start, end, replacement }] into the input, UTF-16 units
   * result.receipt // where it ran and what it cost
   * ```
   */
  edit(request: EditRequest): Promise<EditResult> {
    return noted('edit', this.#edit(request))
  }

  async #edit(request: EditRequest): Promise<EditResult> {
    const args = editArgs(request)
    const key = answerKey(args)
    request.signal?.throwIfAborted()
    const { signal, done } = this.#supersede(request)
    try {
      const known = this.#known(key, args, request)
      if (known) return known
      this.#answers.drop(key)
      const result = await this.#ask(args, request, signal)
      this.#answers.remember(key, result)
      return result
    } finally {
      done()
    }
  }

  /** A remembered answer, if this request may be answered by it. */
  #known(
    key: string,
    args: EditArgs,
    { mode = this.#mode, deadlineMs }: EditRequest,
  ): EditResult | null {
    const routed = this.#routed
    if (!routed && (this.#status.state !== 'ready' || mode === 'only_in_cloud')) return null
    const known = this.#answers.take(key)
    if (!known) return null
    return routed ? routed.known(args, known, { mode, deadlineMs }) : this.#took(known)
  }

  async #ask(
    args: EditArgs,
    { mode = this.#mode, deadlineMs }: EditRequest,
    signal: AbortSignal | undefined,
  ): Promise<EditResult> {
    if (this.#routed) return this.#routed.edit(args, { mode, deadlineMs, signal })
    if (mode === 'only_in_cloud') {
      throw new NearfieldError('unsupported', `mode ${mode}: no server was given to open()`)
    }
    try {
      return this.#took(await this.#engine.call('edit', args, { signal }))
    } catch (error) {
      if (!signal?.aborted) this.#sums.failed++
      throw error
    }
  }

  #took(result: EditResult): EditResult {
    this.#sums.device.edits++
    this.#sums.device.ms += result.receipt.totalMs
    return result
  }

  /** What the edits of this object have cost so far, and what they have saved. */
  ledger(): LedgerSums {
    return this.#routed?.ledger() ?? structuredClone(this.#sums)
  }

  /**
   * Distinct versions of one caption, the likeliest first; none when nothing should change or
   * nothing fits. They are worked out together, as rows of the same passes, so they come together.
   * The generator's return value is the whole result with its receipt; `signal` ends the work.
   * @example
   * ```ts
   * for await (const { text, why } of nf.variants({ task: 'formal', text: "we can't come", n: 3 })) {
   *   console.log(text, why)
   * }
   * ```
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
   * @example
   * ```ts
   * const next = ['i has two cats', 'she go home']
   * nf.prefetch(next.map((text) => ({ text })), { task: 'fix' })
   * const { receipt } = await nf.edit({ task: 'fix', text: 'i has two cats' })
   * receipt.why // 'prefetched' where it was done in time, else 'device'
   * ```
   */
  prefetch(cues: readonly PrefetchCue[], { task, priority }: PrefetchOptions): void {
    const wanted = cues.flatMap((cue) => prefetchArgs({ ...cue, task }))
    this.#answers.prefetch(wanted, priority, (args, signal) =>
      this.#engine.call('edit', args, { signal }),
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
    const text = this.#engine.call('generate', generateArgs(request), { signal, onPiece: onText })
    return noted('generate', text)
  }

  /** How many tokens the model reads of a conversation; does not wait for what runs. */
  async countTokens(
    messages: readonly Message[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<TokenCount> {
    return this.#engine.call('tokens', { messages: checkedMessages(messages) }, { signal })
  }

  /**
   * `chat.completions.create()` in OpenAI's shape; its code is loaded when it is first called.
   * @example
   * ```ts
   * const stream = await nf.chat.completions.create({
   *   messages: [{ role: 'user', content: 'Name a port.' }],
   *   max_tokens: 8,
   *   stream: true,
   * })
   * let text = ''
   * for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
   * ```
   */
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

  /**
   * One page of Markdown to paste into an issue: browser, GPU, storage, model, how the last calls
   * of this page ended. No text that was edited or written, no query string, no key. Changes and
   * sends nothing, never rejects, takes a few seconds at most.
   */
  async report(): Promise<string> {
    return reportOn(this.#status)
  }
  /** The same without a model: before one is opened, or when open() failed. */
  static async report(): Promise<string> {
    return reportOn(null)
  }

  /** How fast this engine is here; for bench/, it blocks the queue for seconds. */
  bench(repeats = 5): Promise<Bench> {
    return this.#engine.call('bench', { repeats })
  }

  /** Frees the worker and the model's memory; what runs rejects with an AbortError. */
  close(): void {
    this.#engine.close()
    this.#status = { ...this.#status, state: 'closed' }
  }

  /** close(), for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
