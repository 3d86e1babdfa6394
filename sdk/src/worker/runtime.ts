/**
 * One instance of nearfield.wasm with its memory. Owns reading and writing that memory; a view
 * is made for each use and never kept (memory may grow).
 * Read next: compile.ts, threads.ts, engine.ts, captions.ts.
 */
import { NearfieldError } from '../error.ts'
import type { Gpu } from '../gpu/gpu.ts'
import { noGpu } from '../gpu/none.ts'
import { errorOfStatus } from '../wire_error.ts'
import type { Compiled } from './compile.ts'
import type { Exports } from './exports.ts'

const PAGE = 65536

/** n numbers as a tuple. */
type Row<N extends number, T extends number[] = []> = T['length'] extends N
  ? T
  : Row<N, [...T, number]>

export const clockMs = () => performance.timeOrigin + performance.now()

/** bytesMax: the most the memory may grow to. gpu: what the engine may run on; it serves one. */
export async function startRuntime(
  compiled: Compiled,
  bytesMax: number,
  gpu: Gpu | null = null,
): Promise<Runtime> {
  const { module, wants, shared } = compiled
  const maximum = Math.max(wants.initial, Math.min(wants.maximum, Math.ceil(bytesMax / PAGE)))
  let memory: WebAssembly.Memory
  try {
    memory = new WebAssembly.Memory({ initial: wants.initial, maximum, shared })
  } catch (error) {
    const line = `this device has no room for ${maximum * PAGE} bytes`
    throw new NearfieldError('no_memory', line, { cause: error })
  }
  const env = { memory, nf_clock_ms: clockMs, ...(gpu?.imports(memory) ?? noGpu) }
  const instance = await WebAssembly.instantiate(module, { env })
  return new Runtime(module, memory, instance.exports as unknown as Exports, shared)
}

export class Runtime {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly exports: Exports
  readonly shared: boolean
  #decoder = new TextDecoder()
  #encoder = new TextEncoder()

  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    exports: Exports,
    shared: boolean,
  ) {
    this.module = module
    this.memory = memory
    this.exports = exports
    this.shared = shared
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at >>> 0, length)
  }
  /** A copy: TextDecoder and postMessage refuse shared memory, and the original moves on. */
  copy(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes(at, length))
  }
  text(at: number, length: number): string {
    return length === 0
      ? ''
      : this.#decoder.decode(this.shared ? this.copy(at, length) : this.bytes(at, length))
  }
  /** A NUL-terminated string; '' for null. */
  cString(at: number): string {
    if (at === 0) return ''
    const start = at >>> 0
    const length = new Uint8Array(this.memory.buffer, start).indexOf(0)
    return this.text(start, length)
  }
  /** A result of nearfield_wasm.c: n numbers. */
  row<N extends number>(at: number, n: N): Row<N> {
    return Array.from(new Float64Array(this.memory.buffer, at >>> 0, n)) as Row<N>
  }
  /** A pointer or a count; what may be negative comes in rows. */
  word(at: number): number {
    return new DataView(this.memory.buffer).getUint32(at >>> 0, true)
  }
  encode(text: string): Uint8Array {
    return this.#encoder.encode(text)
  }

  get(bytes: number): number {
    const at = bytes < 2 ** 31 ? this.exports.nf_wasm_get(bytes) >>> 0 : 0
    if (at === 0)
      throw new NearfieldError('no_memory', `this device has no room for ${bytes} bytes`)
    return at
  }
  release(at: number, bytes: number): void {
    this.exports.nf_wasm_release(at, bytes)
  }
  /** Room that lives until `use` returns. */
  using<T>(bytes: number, use: (at: number) => T): T {
    const at = this.get(bytes)
    try {
      return use(at)
    } finally {
      this.release(at, bytes)
    }
  }
  /** The bytes, in memory until `use` returns. */
  lend<T>(bytes: Uint8Array, use: (at: number, length: number) => T): T {
    return this.using(Math.max(bytes.length, 1), (at) => {
      this.bytes(at, bytes.length).set(bytes)
      return use(at, bytes.length)
    })
  }
  /** Room for `head` bytes with texts behind them, in UTF-8; texts: address and length of each. */
  usingTexts<T>(
    head: number,
    texts: string[],
    use: (at: number, texts: (readonly [number, number])[]) => T,
  ): T {
    const encoded = texts.map((text) => this.encode(text))
    const total = encoded.reduce((n, bytes) => n + bytes.length, head)
    return this.using(total, (at) => {
      let free = at + head
      const placed = encoded.map((bytes) => {
        this.bytes(free, bytes.length).set(bytes)
        free += bytes.length
        return [free - bytes.length, bytes.length] as const
      })
      return use(at, placed)
    })
  }

  /** Throws what a negative status stands for; returns the others. */
  check(status: number): number {
    if (status < 0) throw errorOfStatus(status, this.cString(this.exports.nf_wasm_error()))
    return status
  }
}
