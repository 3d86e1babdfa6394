/**
 * A model's file, chunk by chunk, into nearfield.wasm (nf_load_* of include/nearfield.h). Owns
 * their way into wasm memory and the waiting; where the bytes come from is load.ts's, and where the
 * engine keeps them (its own memory or the GPU's) is C's.
 */
import { NearfieldError } from '../error.ts'
import type { Gpu } from '../gpu/gpu.ts'
import { status as S } from '../status.gen.ts'
import type { Backend } from '../types.ts'
import { breathe } from './queue.ts'
import type { Runtime } from './runtime.ts'

/**
 * nf_engine_desc.kernels; '' is the best CPU table. A benchmark shapes the GPU's kernels by the
 * query of the worker's own address (worker_start.ts): ?gpu=norm_head.chunk_m=4,attention=1
 */
function kernelsOf({ backend, kernels }: EngineLoadOptions): string {
  if (backend === 'wasm') return ''
  const shapes = new URL(import.meta.url).searchParams.get('gpu')
  return shapes ? `webgpu:${shapes}` : (kernels ?? 'webgpu')
}

/** What passes through host memory at once on its way to the GPU. */
const PIECE_BYTES = 4 << 20

export interface EngineLoadOptions {
  backend: Backend
  /** What an engine said of its kernels here before: nothing need be measured again. */
  kernels?: string | null
  fileBytes: number
  /** As many as may park until finish(). */
  threads: number
}

/** Until the GPU's state has changed; without one, until other messages were let in. */
export const settled = (gpu: Pick<Gpu, 'waiting' | 'settled'> | null): Promise<void> =>
  gpu?.waiting ? gpu.settled() : breathe()

/** Throws the GPU's own failure, which says more than the status that follows from it. */
export function throwIfFailed(gpu: Pick<Gpu, 'failure'> | null): void {
  const failure = gpu?.failure
  if (failure) throw new NearfieldError(failure.kind, failure.line)
}

export class EngineLoad {
  readonly #runtime: Runtime
  readonly #gpu: Gpu | null
  readonly #load: number
  /** PIECE_BYTES of wasm memory; 0: not needed yet. */
  #piece = 0
  readonly #name: Uint8Array
  readonly #nameAt: number

  constructor(runtime: Runtime, gpu: Gpu | null, options: EngineLoadOptions) {
    const { fileBytes, threads } = options
    this.#runtime = runtime
    this.#gpu = gpu
    this.#name = runtime.encode(`${kernelsOf(options)}\0`)
    this.#nameAt = runtime.get(this.#name.length) // lives as long as the load
    runtime.bytes(this.#nameAt, this.#name.length).set(this.#name)
    this.#load = runtime.using(8, (out) => {
      const { nf_wasm_load_begin } = runtime.exports
      runtime.check(nf_wasm_load_begin(fileBytes, threads, 0, this.#nameAt, out))
      return runtime.word(out)
    })
  }

  /** The file's next bytes. Rejects with what is wrong with them, or with the GPU. */
  async add(bytes: Uint8Array): Promise<void> {
    const { nf_wasm_load_place, nf_wasm_load_bytes } = this.#runtime.exports
    const place = nf_wasm_load_place(this.#load, bytes.length)
    if (place !== 0) {
      this.#runtime.bytes(place, bytes.length).set(bytes)
      return this.#until(() => nf_wasm_load_bytes(this.#load, place, bytes.length))
    }
    this.#piece ||= this.#runtime.get(PIECE_BYTES)
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      this.#runtime.bytes(this.#piece, piece.length).set(piece)
      await this.#until(() => nf_wasm_load_bytes(this.#load, this.#piece, piece.length))
    }
  }

  /** The engine's address, when all of the file was added. */
  async finish(): Promise<number> {
    const runtime = this.#runtime
    const out = runtime.get(8)
    try {
      await this.#until(() => runtime.exports.nf_wasm_load_finish(this.#load, out))
      return runtime.word(out)
    } finally {
      runtime.release(out, 8)
    }
  }

  close(): void {
    this.#runtime.exports.nf_wasm_load_close(this.#load)
    this.#runtime.release(this.#nameAt, this.#name.length)
    if (this.#piece !== 0) this.#runtime.release(this.#piece, PIECE_BYTES)
  }

  async #until(call: () => number): Promise<void> {
    for (;;) {
      throwIfFailed(this.#gpu)
      const status = call()
      if (status < 0) throwIfFailed(this.#gpu)
      if (this.#runtime.check(status) !== S.pending) return
      await settled(this.#gpu)
    }
  }
}
