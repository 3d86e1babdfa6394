/**
 * The engine that answers now, and what becomes of it: chosen at the start, compared with the
 * other backend in an idle moment, replaced when its GPU fails, with the running request run again.
 * Owns the queue and these decisions' order; what is decided is backend.ts, how an engine is opened
 * is open.ts (`ways`; tests give another).
 *
 * No retry loop: a lost device is opened again once, and not again within SOON_MS; then the CPU
 * runs to the end. A request is never dropped for it.
 */
import { NearfieldError } from '../error.ts'
import type { GenerateArgs, GenerateResult, Message, TokenCount } from '../generate.ts'
import type { Bench, EditArgs, Progress } from '../protocol.ts'
import type { Adapter, Attempt, Backend, EditResult, OpenOptions, Status } from '../types.ts'
import { Adapters } from './adapters.ts'
import {
  afterFailure,
  afterNoRoom,
  type Chosen,
  chosenByMs,
  type Offer,
  planOf,
  stillGood,
  worthKeeping,
} from './backend.ts'
import type { Engine, EngineResult, EngineText } from './engine.ts'
import { msPerToken, Pace } from './pace.ts'
import { Pieces } from './pieces.ts'
import { keepPrefixes } from './prefixes.ts'
import { type JobOptions, Scheduler, type Turn } from './queue.ts'
import { clockMs } from './runtime.ts'

const SOON_MS = 10 * 60_000
/** What a backend may need once, before its first edit: the GPU its pipelines, the CPU the task's
 * constant prompt, which another engine may have had already. */
const WARM_UP_MS: Record<Backend, number> = { webgpu: 2000, wasm: 10_000 }
/** Each with a few changes. The first also brings the task's constant prompt into the cache, which
 * whoever asks next is glad of; the second one counts. */
const MEASURED = ['they is here', 'she go to the libary'] as const

export interface OpenContext {
  signal: AbortSignal
  progress(progress: Progress): void
}

/** What the host asks of the world. */
export interface Ways {
  readonly model: EditResult['receipt']['model']
  /** The GPU the browser offers, or why it offers none. */
  offer(): Promise<Offer>
  /** Rejects with a NearfieldError of the device, the file or the network, or as aborted. */
  open(backend: Backend, context: OpenContext): Promise<HostedEngine>
  /** What was found out here before, of this GPU. */
  keptChoice(gpu: string): Promise<Chosen | null>
  keepChoice(gpu: string, chosen: Chosen): Promise<void>
  /** where() answers something else from now on. */
  changed(): void
}

export type HostedEngine = Pick<
  Engine,
  | 'facts'
  | 'kept'
  | 'failure'
  | 'failed'
  | 'adapter'
  | 'edit'
  | 'generate'
  | 'tokens'
  | 'unkept'
  | 'takeUnkept'
  | 'bench'
  | 'close'
>

/** What the host adds to an engine's receipt. */
type HostReceipt = Pick<
  EditResult['receipt'],
  'model' | 'adapter' | 'queueMs' | 'backendWhy' | 'attempts'
>

const idle = (): JobOptions => ({ signal: new AbortController().signal, priority: 'idle' })
const quiet = (): OpenContext => ({ signal: new AbortController().signal, progress: () => {} })

export class Host {
  readonly #ways: Ways
  readonly #queue = new Scheduler()
  readonly #adapters = new Adapters()
  #auto = false
  /** Its name, as the browser tells it. */
  #gpu = ''
  #chosen: Chosen = { backend: 'wasm', why: 'asked', reason: '' }
  #engine: HostedEngine | null = null
  /** The last engine's facts. */
  #last: Pick<HostedEngine, 'facts' | 'kept'> | null = null
  /** What takes the place of an engine that failed, on its way. */
  #coming: Promise<void> | null = null
  #reopenedAt = Number.NEGATIVE_INFINITY
  readonly #pace = new Pace()
  #comparing = false
  #comparedAt = Number.NEGATIVE_INFINITY

  constructor(ways: Ways) {
    this.#ways = ways
  }

  /** Resolves when there is an engine. Rejects when no backend that may be used can be opened. */
  async open(asked: NonNullable<OpenOptions['backend']>, context: OpenContext): Promise<void> {
    this.#auto = asked === 'auto'
    const offer = asked === 'wasm' ? null : await this.#ways.offer()
    let kept: Chosen | null = null
    if (offer && !(offer instanceof NearfieldError)) {
      this.#gpu = offer.name
      if (this.#auto && !offer.software) kept = await this.#ways.keptChoice(offer.name)
    }
    if (kept && !stillGood(kept, Date.now())) kept = null
    await this.#open(planOf(asked, offer, kept), context, this.#auto)
    if (this.#chosen.why === 'unmeasured') void this.#compare()
  }

  /** For Status: what runs where, and why there. */
  where(): Omit<Status, 'isolated' | 'model' | 'persisted' | 'probe'> {
    const { kernels = '', replacedKernels = '', threads = 1, tasks = [] } = this.#last?.facts ?? {}
    return {
      state: this.#engine ? 'ready' : this.#coming ? 'loading' : 'lost',
      backend: this.#chosen.backend,
      backendWhy: this.#chosen.why,
      backendReason: this.#chosen.reason,
      gpu: this.#gpu,
      kernels,
      replacedKernels,
      threads,
      cached: this.#last?.kept ?? false,
      adapters: this.#adapters.list(),
      tasks,
    }
  }

  /** Opens the file in the engine, and later in those that come in its place. */
  adapter(file: Uint8Array, signal: AbortSignal): Promise<Adapter> {
    return this.#queue.run({ signal }, async (turn) => {
      const engine = await this.#ready(turn)
      const adapter = engine.adapter(file)
      this.#adapters.keep(adapter, file)
      this.#ways.changed()
      return adapter
    })
  }

  /** sentAt: when the page asked, for the receipt. */
  async edit(request: EditArgs, signal: AbortSignal, sentAt: number): Promise<EditResult> {
    const { receipt, ...result } = await this.#run<EngineResult>(
      request,
      { signal, sentAt },
      async (engine, turn, adapterFile) => {
        const result = await engine.edit(request, turn, adapterFile)
        if (engine.unkept) void this.#keepPrefixes(engine).catch(() => {})
        this.#doubt(request, result.receipt)
        return result
      },
    )
    return { ...result, receipt: { ...receipt, adapterProblem: '' } }
  }

  /** onPiece hears each piece once, whatever the text's work had to begin again for. */
  generate(
    request: GenerateArgs,
    signal: AbortSignal,
    sentAt: number,
    onPiece: (piece: string) => void,
  ): Promise<GenerateResult> {
    const pieces = new Pieces(onPiece)
    return this.#run<EngineText>(request, { signal, sentAt }, (engine, turn, adapterFile) => {
      pieces.begin()
      return engine.generate(request, turn, (piece) => pieces.add(piece), adapterFile)
    })
  }

  /** At once, beside what runs, where there is an engine. */
  async tokens(messages: Message[], signal: AbortSignal): Promise<TokenCount> {
    const engine = this.#engine ?? (await this.#queue.run({ signal }, (turn) => this.#ready(turn)))
    return { tokens: engine.tokens(messages), context: engine.facts.contextTokens }
  }

  /** The work in its turn, on the engine that is there; when its GPU fails, on what comes after. */
  #run<T extends EngineResult | EngineText>(
    request: Pick<EditArgs, 'adapter' | 'priority'>,
    { signal, sentAt }: { signal: AbortSignal; sentAt: number },
    work: (engine: HostedEngine, turn: Turn, adapterFile?: Uint8Array) => Promise<T>,
  ): Promise<T & { receipt: T['receipt'] & HostReceipt }> {
    const attempts: Attempt[] = []
    return this.#queue.run({ signal, priority: request.priority }, async (turn) => {
      const queueMs = Math.max(0, clockMs() - sentAt)
      for (;;) {
        const engine = await this.#ready(turn)
        const from = clockMs()
        try {
          const result = await work(engine, turn, this.#adapters.fileOf(request.adapter))
          const { source, backend, totalMs: ms } = result.receipt
          attempts.push({ source, backend, outcome: 'ok', ms })
          const { name = '', sha256 = '' } = request.adapter ?? {}
          const adapter = request.adapter ? { name, sha256 } : null
          const own = { model: this.#ways.model, adapter, queueMs, attempts }
          const receipt = { ...result.receipt, ...own, backendWhy: this.#chosen.why }
          return { ...result, receipt }
        } catch (error) {
          const left = engine.failure && afterFailure(error)
          if (!left) throw error
          const { backend } = engine.facts
          attempts.push({ source: 'device', backend, outcome: left.why, ms: clockMs() - from })
          this.#replace(engine)
        }
      }
    })
  }

  /** In an idle moment, so that nobody waits for it. */
  async #keepPrefixes(engine: HostedEngine): Promise<void> {
    const files = await this.#queue.run(idle(), async () =>
      engine === this.#engine ? engine.takeUnkept() : [],
    )
    await keepPrefixes(files)
  }

  bench(repeats: number, signal: AbortSignal): Promise<Bench> {
    return this.#queue.run({ signal }, async (turn) => {
      const engine = await this.#ready(turn)
      return engine.bench(repeats, turn)
    })
  }

  /** The engine, or the one that comes in its place; one that could not come is tried anew. */
  async #ready(turn: Turn): Promise<HostedEngine> {
    for (;;) {
      if (this.#engine) return this.#engine
      this.#coming ?? this.#come(this.#chosen)
      await turn.pass(this.#coming ?? undefined)
    }
  }

  /** fall: a GPU that fails leaves the CPU. */
  async #open(chosen: Chosen, context: OpenContext, fall: boolean): Promise<void> {
    if (chosen.backend === 'webgpu') {
      try {
        this.#adopt(await this.#openGpu(context), chosen)
        return
      } catch (error) {
        const left = fall ? afterFailure(error) : null
        if (!left) throw error
        chosen = left
        await this.#keep(chosen)
      }
    }
    this.#chosen = chosen
    try {
      this.#adopt(await this.#ways.open('wasm', context), chosen)
    } catch (error) {
      const other = fall ? afterNoRoom(chosen, error) : null
      if (!other) throw error
      this.#adopt(await this.#openGpu(context), other)
    }
  }

  async #openGpu(context: OpenContext): Promise<HostedEngine> {
    try {
      return await this.#ways.open('webgpu', context)
    } catch (error) {
      const lost = error instanceof NearfieldError && error.code === 'lost'
      if (!lost || !this.#mayReopen()) throw error
      return this.#ways.open('webgpu', context)
    }
  }

  #mayReopen(): boolean {
    const now = clockMs()
    if (now - this.#reopenedAt < SOON_MS) return false
    this.#reopenedAt = now
    return true
  }

  #adopt(engine: HostedEngine, chosen: Chosen): void {
    this.#engine = engine
    this.#last = engine
    this.#chosen = chosen
    this.#pace.reset()
    void engine.failed?.then(() => this.#replace(engine)) // also between two requests
  }

  /** Puts another engine in the place of one whose GPU failed; a second call does nothing. */
  #replace(engine: HostedEngine): void {
    const { failure } = engine
    if (this.#engine !== engine || !failure) return
    this.#engine = null
    engine.close()
    const left = afterFailure(new NearfieldError(failure.kind, failure.line))
    const again = failure.kind === 'lost' && this.#mayReopen()
    this.#come(again || !left ? this.#chosen : left)
  }

  #come(chosen: Chosen): void {
    const coming = this.#keep(chosen)
      .then(() => this.#open(chosen, quiet(), true))
      .finally(() => {
        this.#coming = null
        this.#ways.changed()
      })
    coming.catch(() => {}) // told to whoever waits for it
    this.#coming = coming
    this.#ways.changed()
  }

  async #keep(chosen: Chosen): Promise<void> {
    if (!this.#auto || !worthKeeping(chosen)) return
    await this.#ways.keepChoice(this.#gpu, { ...chosen, at: Date.now() })
  }

  /** What was chosen by measuring is measured again when edits have become far slower than then. */
  #doubt(request: EditArgs, receipt: EngineResult['receipt']): void {
    const { msPerToken } = this.#chosen
    if (!this.#auto || msPerToken === undefined || this.#comparing) return
    if (!this.#pace.slow(request, receipt, msPerToken)) return
    if (clockMs() - this.#comparedAt >= SOON_MS) void this.#compare()
  }

  /** CPU and GPU, the same edits, when nobody asks for anything; the faster one stays. */
  async #compare(): Promise<void> {
    this.#comparing = true
    try {
      await this.#compareWith(this.#chosen.backend === 'wasm' ? 'webgpu' : 'wasm')
    } finally {
      this.#comparing = false
      this.#comparedAt = clockMs()
      this.#pace.reset()
    }
  }

  /** other: the backend that does not run now. */
  async #compareWith(other: Backend): Promise<void> {
    const running = this.#engine
    let opened: HostedEngine | null = null
    let chosen: Chosen | null
    try {
      if (!running) return
      const [first, here] = await this.#queue.run(idle(), (turn) => measure(running, turn))
      const coming = other === 'webgpu' ? this.#openGpu(quiet()) : this.#ways.open(other, quiet())
      const engine = await coming
      opened = engine
      const limitsMs = [4 * first!.ms + WARM_UP_MS[other], 2 * here!.ms]
      chosen = await this.#queue.run(idle(), async (turn) => {
        const [, there] = await measure(engine, turn, limitsMs)
        const [gpu, cpu] = other === 'webgpu' ? [there!, here!] : [here!, there!]
        const chosen = { ...chosenByMs(gpu.ms, cpu.ms), ...(gpu.ms < cpu.ms ? gpu : cpu).pace }
        // meanwhile the one that ran may have been lost and replaced: then nothing is changed
        if (this.#engine !== running) return null
        if (chosen.backend === other) this.#adopt(engine, chosen)
        return chosen
      })
    } catch (error) {
      // null: the bytes could not be had, or the one that runs failed, which is seen to elsewhere
      chosen = other === 'webgpu' ? afterFailure(error) : null
    }
    const loser = chosen?.backend === other ? running : opened
    loser?.close()
    if (!chosen) return
    await this.#keep(chosen)
    if (chosen.backend !== other) this.#chosen = chosen
    this.#ways.changed()
  }
}

/** ms: of one edit; infinite: it took too long. */
interface Measured {
  ms: number
  pace: Pick<Chosen, 'msPerToken'>
}

const tooSlow = new Error('over the time that is worth waiting for')

/** Of each edit; one that took longer than `limitsMs` allows is the last. */
async function measure(
  engine: HostedEngine,
  turn: Turn,
  limitsMs: readonly number[] = [],
): Promise<Measured[]> {
  const took = MEASURED.map((): Measured => ({ ms: Number.POSITIVE_INFINITY, pace: {} }))
  for (const [i, text] of MEASURED.entries()) {
    const end = clockMs() + (limitsMs[i] ?? Number.POSITIVE_INFINITY)
    const pass = async (until?: Promise<unknown>) => {
      await turn.pass(until)
      if (clockMs() > end) throw tooSlow
    }
    try {
      const { receipt } = await engine.edit({ task: 'fix', text }, { pass })
      const each = msPerToken(receipt)
      took[i] = { ms: receipt.totalMs, pace: each === null ? {} : { msPerToken: each } }
    } catch (error) {
      if (error === tooSlow) break
      throw error
    }
  }
  return took
}
