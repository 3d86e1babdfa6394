/**
 * A model in wasm memory or on the GPU, and one session over it. Owns both, and the steps of an
 * edit. Does not know what runs when (queue.ts), what happens when it fails (host.ts), messages
 * (serve.ts) or where bytes come from (load.ts).
 */
import { NearfieldError } from '../error.ts'
import type { GenerateArgs, GenerateResult, Message } from '../generate.ts'
import type { Gpu, GpuFailure } from '../gpu/gpu.ts'
import type { Bench, EditArgs } from '../protocol.ts'
import { status as S } from '../status.gen.ts'
import type { Adapter, Backend, Change, EditResult, TaskOffer, Variant } from '../types.ts'
import { placeEdit } from './edit_desc.ts'
import { settled, throwIfFailed } from './engine_load.ts'
import { placeGenerate } from './generate_desc.ts'
import { Prefixes } from './prefixes.ts'
import type { Turn } from './queue.ts'
import type { Runtime } from './runtime.ts'

const VERDICTS = ['unchanged', 'changed', 'unfit'] as const
const ENDS = ['length', 'model', 'stop', 'length'] as const // nf_generate_end
const TASKS = ['fix', 'shorten', 'formal', 'casual', 'simple', 'rewrite'] as const

export interface EngineFacts {
  backend: Backend
  kernels: string
  /** Of the GPU's kernels; '' none. */
  replacedKernels: string
  threads: number
  tasks: TaskOffer[]
  /** Tokens of a session's context. */
  contextTokens: number
}

/** What one engine can tell of an edit; the host adds why it ran here and what was tried before. */
export type EngineResult = Omit<EditResult, 'receipt'> & {
  receipt: Omit<
    EditResult['receipt'],
    'model' | 'adapter' | 'adapterProblem' | 'queueMs' | 'backendWhy' | 'attempts'
  >
}

/** The same of a text. */
export type EngineText = Omit<GenerateResult, 'receipt'> & {
  receipt: Omit<
    GenerateResult['receipt'],
    'model' | 'adapter' | 'queueMs' | 'backendWhy' | 'attempts'
  >
}

export interface EngineParts {
  runtime: Runtime
  /** Address of the engine: EngineLoad.finish(). Owned from now on. */
  address: number
  gpu: Gpu | null
  /** Workers that serve as its threads; ended by close(). */
  threads: { terminate(): void }[]
  /** Was the model's file kept in this browser? */
  kept: boolean
  /** Tells the model's file and the module from every other; '': prefixes are not kept. */
  identity: string
}

export class Engine {
  readonly facts: EngineFacts
  readonly kept: boolean
  readonly #runtime: Runtime
  readonly #gpu: Gpu | null
  readonly #threads: EngineParts['threads']
  readonly #engine: number
  readonly #session: number
  /** null on the GPU, which computes them sooner than they are read. */
  readonly #prefixes: Prefixes | null
  /** Addresses of those opened here, by the SHA-256 of their files. */
  readonly #adapters = new Map<string, number>()

  constructor({ runtime, address, gpu, threads, kept, identity }: EngineParts) {
    const { exports } = runtime
    this.#runtime = runtime
    this.#engine = address
    this.#gpu = gpu
    this.#threads = threads
    this.kept = kept
    this.#session = runtime.using(8, (out) => {
      runtime.check(exports.nf_wasm_session_open(address, out))
      return runtime.word(out)
    })
    this.#prefixes = gpu || !identity ? null : new Prefixes(runtime, this.#session, identity)
    const info = runtime.using(80, (row) => {
      exports.nf_wasm_engine_info(address, row)
      return runtime.row(row, 10)
    })
    this.facts = {
      backend: gpu ? 'webgpu' : 'wasm',
      kernels: runtime.cString(info[3]),
      replacedKernels: runtime.cString(exports.nf_wasm_engine_replaced(address)),
      threads: info[9],
      contextTokens: info[8],
      tasks: TASKS.map((task) => {
        const why = runtime.cString(exports.nf_wasm_task_poor(this.#task(task)))
        return { task, offered: why === '', why }
      }),
    }
  }

  /** Why the GPU under it works no more; null as long as it does, and on the CPU. */
  get failure(): GpuFailure | null {
    return this.#gpu?.failure ?? null
  }
  /** Resolves when `failure` is set; never on the CPU. */
  get failed(): Promise<GpuFailure> | null {
    return this.#gpu?.failed ?? null
  }

  /** Opens an adapter's GGUF file; the bytes are the caller's again afterwards. */
  adapter(file: Uint8Array): Adapter {
    const { exports } = this.#runtime
    throwIfFailed(this.#gpu)
    const address = this.#runtime.using(8, (out) => {
      this.#runtime.lend(file, (at, length) =>
        this.#check(exports.nf_wasm_adapter_open(this.#engine, at, length, out)),
      )
      return this.#runtime.word(out)
    })
    const [name, task, sha256, bytes] = this.#runtime.using(32, (row) => {
      exports.nf_wasm_adapter_info(address, row)
      return this.#runtime.row(row, 4)
    })
    const known = this.#runtime.cString(sha256)
    if (this.#adapters.has(known)) exports.nf_wasm_adapter_close(address)
    else this.#adapters.set(known, address)
    return {
      sha256: known,
      name: this.#runtime.cString(name),
      task: TASKS.find((t) => t === this.#runtime.cString(task)) ?? null,
      bytes,
    }
  }

  /**
   * One edit, a pass a turn. adapterFile: of the adapter the request names, which another engine
   * may have opened. Rejects with the GPU's failure when that is why.
   */
  async edit(request: EditArgs, turn: Turn, adapterFile?: Uint8Array): Promise<EngineResult> {
    const { exports } = this.#runtime
    throwIfFailed(this.#gpu)
    const task = this.#task(request.task)
    if (task < 0) throw new NearfieldError('bad_input', `there is no task '${request.task}'`)
    const adapter = this.#adapterOf(request, adapterFile)
    const coming = this.#prefixes?.bring({ request, task, adapter })
    if (coming) await turn.pass(coming)
    placeEdit(this.#runtime, { task, adapter }, request, (desc) =>
      this.#check(exports.nf_wasm_edit_begin(this.#session, desc)),
    )
    while (this.#checkPass(exports.nf_wasm_edit_step(this.#session)) === S.pending) {
      await turn.pass(settled(this.#gpu))
    }
    return this.#result()
  }

  /** One text, a token a turn; onPiece is told what became certain of it. Else as edit(). */
  async generate(
    request: GenerateArgs,
    turn: Turn,
    onPiece: (piece: string) => void,
    adapterFile?: Uint8Array,
  ): Promise<EngineText> {
    const { exports } = this.#runtime
    throwIfFailed(this.#gpu)
    placeGenerate(this.#runtime, this.#adapterOf(request, adapterFile), request, (desc) =>
      this.#check(exports.nf_wasm_generate_begin(this.#session, desc)),
    )
    let text = ''
    for (let more = true; more; ) {
      const piece = this.#runtime.using(16, (row) => {
        more = this.#checkPass(exports.nf_wasm_generate_step(this.#session, row)) === S.pending
        const [at, length] = this.#runtime.row(row, 2)
        return this.#runtime.text(at, length)
      })
      text += piece
      if (piece !== '') onPiece(piece)
      if (more) await turn.pass(settled(this.#gpu))
    }
    return this.#text(text)
  }

  /** How many tokens they are as a prompt. What runs is not disturbed. */
  tokens(messages: Message[]): number {
    const { nf_wasm_generate_tokens: count } = this.#runtime.exports
    return placeGenerate(this.#runtime, 0, { messages }, (desc) =>
      this.#runtime.check(count(this.#session, desc)),
    )
  }

  /** Is there a prefix to keep? */
  get unkept(): boolean {
    return this.#prefixes?.unkept ?? false
  }
  /** Copies of the prefixes computed here and not kept yet; drops what the session does. */
  takeUnkept(): ReturnType<Prefixes['take']> {
    return this.#prefixes?.take() ?? []
  }

  async bench(repeats: number, turn: Turn): Promise<Bench> {
    const { nf_wasm_bench } = this.#runtime.exports
    const row = this.#runtime.get(24)
    try {
      while (this.#check(nf_wasm_bench(this.#session, repeats, row)) === S.pending) {
        await turn.pass(settled(this.#gpu))
      }
      const [decodeTokS, rows32TokS, prefillMs] = this.#runtime.row(row, 3)
      return { decodeTokS, rows32TokS, prefillMs }
    } finally {
      this.#runtime.release(row, 24)
    }
  }

  /** Gives threads and device back; the memory goes with the last reference to it. */
  close(): void {
    if (!this.failure) {
      this.#runtime.exports.nf_wasm_session_close(this.#session)
      for (const address of this.#adapters.values()) {
        this.#runtime.exports.nf_wasm_adapter_close(address)
      }
      this.#runtime.exports.nf_wasm_engine_close(this.#engine)
    }
    for (const thread of this.#threads) thread.terminate()
    this.#gpu?.close()
  }

  #task(name: string): number {
    return this.#runtime.lend(this.#runtime.encode(name), this.#runtime.exports.nf_wasm_task)
  }

  /** Address of the adapter that a request names; 0: none. */
  #adapterOf({ adapter }: Pick<EditArgs, 'adapter'>, file?: Uint8Array): number {
    const sha256 = adapter?.sha256 ?? ''
    if (file && !this.#adapters.has(sha256)) this.adapter(file)
    return this.#adapters.get(sha256) ?? 0
  }

  #check(status: number): number {
    if (status < 0) throwIfFailed(this.#gpu)
    return this.#runtime.check(status)
  }

  /** What is begun and then not supported is a kernel that the GPU cannot run, an adapter's own
   * perhaps, which are compiled late: from here on it has failed. */
  #checkPass(status: number): number {
    if (status === S.unsupported)
      this.#gpu?.refuse(this.#runtime.cString(this.#runtime.exports.nf_wasm_error()))
    return this.#check(status)
  }

  #text(text: string): EngineText {
    const runtime = this.#runtime
    const [end, firstTokenMs, totalMs, inputTokens, cachedTokens, outputTokens, passes] =
      runtime.using(7 * 8, (row) => {
        runtime.exports.nf_wasm_generate_result(this.#session, row)
        return runtime.row(row, 7)
      })
    const { backend, replacedKernels } = this.facts
    const counts = { inputTokens, cachedTokens, outputTokens, passes, bytesSent: 0, costUsd: 0 }
    const times = { firstTokenMs, totalMs }
    const where = { source: 'device', backend, replacedKernels, why: 'device' } as const
    return { text, end: ENDS[end as 0 | 1 | 2 | 3], receipt: { ...where, ...times, ...counts } }
  }

  #result(): EngineResult {
    const runtime = this.#runtime
    return runtime.using(15 * 8, (at) => {
      runtime.exports.nf_wasm_edit_result(this.#session, at)
      const [
        text,
        length,
        verdict,
        why,
        nChanges,
        firstTokenMs,
        totalMs,
        inputTokens,
        cachedTokens,
        outputTokens,
        passes,
        drafted,
        accepted,
        forced,
        nVariants,
      ] = runtime.row(at, 15)
      const { nf_wasm_edit_change: changeRow } = runtime.exports
      return {
        text: runtime.text(text, length),
        verdict: VERDICTS[verdict as 0 | 1 | 2],
        why: runtime.cString(why),
        changes: this.#changes(nChanges, at, (k) => changeRow(k, at)),
        variants: Array.from({ length: nVariants }, (_, i) => this.#variant(i, at)),
        receipt: {
          source: 'device',
          backend: this.facts.backend,
          replacedKernels: this.facts.replacedKernels,
          firstTokenMs,
          totalMs,
          inputTokens,
          cachedTokens,
          outputTokens,
          passes,
          drafted,
          accepted,
          forced,
          bytesSent: 0,
          costUsd: 0,
          why: 'device',
        },
      }
    })
  }

  #variant(i: number, at: number): Variant {
    const runtime = this.#runtime
    const { nf_wasm_edit_variant, nf_wasm_edit_variant_change } = runtime.exports
    nf_wasm_edit_variant(this.#session, i, at)
    const [text, length, why, nChanges] = runtime.row(at, 4)
    return {
      text: runtime.text(text, length),
      why: runtime.cString(why),
      changes: this.#changes(nChanges, at, (k) =>
        nf_wasm_edit_variant_change(this.#session, i, k, at),
      ),
    }
  }

  /** write(k) puts change k into the row at `at`. */
  #changes(n: number, at: number, write: (k: number) => void): Change[] {
    return Array.from({ length: n }, (_, k) => {
      write(k)
      const [start, end, with_, withLength] = this.#runtime.row(at, 4)
      return { start, end, replacement: this.#runtime.text(with_, withLength) }
    })
  }
}
