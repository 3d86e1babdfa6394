// build/wasm/test_gpu_kernels.wasm (wasm_kernels.c) on Dawn: kernels.h with buffers made from typed
// arrays, and weights of every GGUF type made from numbers. Owns no expectations.
import { readFileSync } from 'node:fs'
import { openGpu } from '../../sdk/src/gpu/device.ts'
import { webgpu } from './dawn.mjs'
import { Module, S } from './module.mjs'

/**
 * Those of a table that ./dev test takes, by their places; './dev soak gpu' takes them all. A software
 * driver compiles a product by 8-bit dots in ten seconds.
 */
export const some = (table, ...places) =>
  process.env.NEARFIELD_GPU_ALL ? table : places.map((place) => table[place])

const compiled = WebAssembly.compile(readFileSync('build/wasm/test_gpu_kernels.wasm'))
export const TYPE = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
  BF16: 30,
}
export const FORMAT = { N4H: 0, N4F: 1, B8: 2, B8F: 3, F16: 4, F32: 5 }
export const OP = {
  norm_store: 0,
  norm_swiglu: 1,
  add_attn: 2,
  add_ff: 3,
  norm_head: 4,
}
const VARIANTS = { auto: 0, plain: 1, fast: 2 }
export const PASS_STRIDE = 512
/** Places of the f16 scales in a block of so many bytes. */
const SCALES = {
  Q4_0: [18, 0],
  Q4_1: [20, 0, 2],
  Q5_0: [22, 0],
  Q5_1: [24, 0, 2],
  Q8_0: [34, 0],
  Q4_K: [144, 0, 2],
  Q5_K: [176, 0, 2],
  Q6_K: [210, 208],
}
/** Every format a type can go to, its own first. */
export const GOES_TO = {
  F32: ['F32'],
  F16: ['F16', 'F32'],
  BF16: ['F32'],
  Q4_0: ['N4H', 'N4F', 'B8F', 'F32'],
  Q4_1: ['N4H', 'N4F', 'B8F', 'F32'],
  Q5_0: ['B8F', 'F32'],
  Q5_1: ['B8F', 'F32'],
  Q8_0: ['B8', 'B8F', 'F32'],
  Q4_K: ['N4F', 'B8F', 'F32'],
  Q5_K: ['B8F', 'F32'],
  Q6_K: ['B8F', 'F32'],
}
export const bits = (...formats) => formats.reduce((mask, f) => mask | (1 << FORMAT[f]), 0)

/** Numbers in [-1, 1), the same for a seed everywhere. */
export function floats(n, seed, scale = 1) {
  let state = seed * 2654435761 + 12345
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return scale * (state / 2147483648 - 1)
  })
}

/** tamper: see KernelGpu. */
export async function openKernels({ tamper = null } = {}) {
  const { gpu } = await openGpu(webgpu)
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true })
  const imports = gpu.imports(memory)
  if (tamper) tamper(imports, memory)
  const instance = await WebAssembly.instantiate(await compiled, {
    env: { memory, nf_clock_ms: () => 0, ...imports },
  })
  return new Kernels(instance.exports, memory, gpu)
}

export class Kernels extends Module {
  #top = 0
  /** Room in the module's memory, until free(). */
  alloc(bytes) {
    const at = this.e.big_room() + this.#top
    this.#top += (bytes + 63) & ~63
    if (this.#top > 40 << 20) throw new Error('the test module has 40 MiB')
    return at
  }
  free() {
    this.#top = 0
  }
  put(array) {
    const at = this.alloc(array.byteLength)
    new Uint8Array(this.memory.buffer, at, array.byteLength).set(
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
    )
    return at
  }
  f32At(at, n) {
    return new Float32Array(this.memory.buffer, at, n).slice()
  }
  /** A storage buffer with the array's bytes: [handle, 0, bytes], as binds take it. */
  up(array, use = 'storage') {
    const range = [this.buffer(array.byteLength, use), 0, array.byteLength]
    this.set(range, array)
    return range
  }
  set([buffer, at], array) {
    const top = this.#top
    this.e.buffer_write(buffer, at, this.put(array), array.byteLength)
    this.#top = top
  }
  empty(bytes) {
    return [this.buffer(bytes), 0, bytes]
  }
  /** Submits all and reads a range back. */
  async down([buffer, at, bytes], kind = Float32Array) {
    const ticket = this.e.submit(buffer, at, bytes)
    const to = this.alloc(bytes)
    const status = await this.until(() => this.e.poll(ticket, to))
    if (status !== S.ok) throw new Error(`${status}: ${this.line}`)
    return new kind(new Uint8Array(this.memory.buffer, to, bytes).slice().buffer)
  }
  numbers(values) {
    return this.put(Float64Array.from(values))
  }

  /** shape: names of gpu_kernels_desc; matmul: {op: mask}; repack: {type: mask}. */
  async open(
    i,
    {
      d_model = 32,
      d_ff = 32,
      n_heads = 1,
      n_kv = 1,
      d_head = 32,
      d_rope = 0,
      n_vocab = 0,
      eps = 1e-5,
      variants = 'fast',
      embed = 0,
      matmul = {},
      repack = {},
    },
  ) {
    const values = [
      d_model,
      d_ff,
      n_heads,
      n_kv,
      d_head,
      d_rope,
      n_vocab,
      eps,
      VARIANTS[variants],
      embed,
    ]
    for (const op of Object.keys(OP)) values.push(matmul[op] ?? 0)
    for (const [type, mask] of Object.entries(repack)) values.push(TYPE[type], mask)
    this.e.kernels_open(i, this.numbers([...values, -1]))
    return this.until(() => this.e.kernels_poll(i))
  }
  /** gpu_tune_set of kernels.h, for what is opened from now on. */
  tune(text) {
    const top = this.#top
    const set = this.e.tune_set(this.put(new TextEncoder().encode(text)), text.length)
    this.#top = top
    return set === 1
  }
  get kernelsLine() {
    return this.text(this.e.kernels_line())
  }

  /** A file's matrix of a type, bytes from `seed`; values up to about 1. */
  raw(type, rows, cols, seed) {
    const bytes = rows * this.e.row_bytes(TYPE[type], cols)
    const noise = floats(bytes, seed)
    const raw = Uint8Array.from(noise, (x) => Math.floor(128 + 128 * x))
    const half = (at, x) => new DataView(raw.buffer).setUint16(at, this.e.half_of(x), true)
    if (type === 'F32') {
      new Uint8Array(raw.buffer).set(new Uint8Array(floats(rows * cols, seed).buffer))
    } else if (type === 'F16') {
      for (const [i, x] of floats(rows * cols, seed).entries())
        half(2 * i, x * (i % 97 === 0 ? 1e-5 : 1))
    } else if (type === 'BF16')
      floats(rows * cols, seed).forEach((x, i) => {
        raw[2 * i + 1] = x < 0 ? 0xbe : 0x3e
      })
    else {
      const [block, ...places] = SCALES[type]
      const size = type.endsWith('K') ? 1 / 2048 : type === 'Q8_0' ? 1 / 128 : 1 / 16
      for (let at = 0, i = 0; at < bytes; at += block, i++) {
        const least = i % 13 === 0 ? 1e-4 : 1 // some scales are subnormal halves
        for (const place of places)
          half(at + place, least * size * noise[(at + place) % noise.length])
      }
    }
    return raw
  }
  decode(type, raw, rows, cols) {
    const from = this.put(raw)
    const to = this.alloc(4 * rows * cols)
    const rowBytes = this.e.row_bytes(TYPE[type], cols)
    for (let r = 0; r < rows; r++)
      this.e.decode_row(TYPE[type], from + r * rowBytes, to + 4 * r * cols, cols)
    return this.f32At(to, rows * cols)
  }
  /** The file's rows into weight w by kernels k; lead: bytes before them in the staging buffer. */
  repack(k, w, type, raw, cols, { row = 0, row0 = 0, step = 1, lead = 0 } = {}) {
    const rowBytes = this.e.row_bytes(TYPE[type], cols)
    const padded = new Uint8Array((lead + raw.length + 3) & ~3)
    padded.set(raw, lead)
    const [staging, , bytes] = this.up(padded)
    this.e.repack(k, w, TYPE[type], staging, lead, bytes, row, raw.length / rowBytes, row0, step)
    this.e.submit(0, 0, 0) // polled by nobody: the next read waits for it
    this.e.repack_submitted(k)
  }
  /** A uniform buffer of gpu_pass slots. */
  passes(slots) {
    const words = new Uint32Array((PASS_STRIDE / 4) * slots.length)
    slots.forEach(({ m, row0 = 0, record0 = 0, kv_ctx = 0, result0 = 0, rows = null }, i) => {
      words.set([m, row0, record0, kv_ctx, result0], (PASS_STRIDE / 4) * i)
      words.set(rows ?? Array.from({ length: 64 }, (_, j) => j), (PASS_STRIDE / 4) * i + 16)
    })
    return this.up(words, 'uniform')[0]
  }
  /** gpu_row records. */
  records(rows) {
    const words = new Int32Array(12 * rows.length)
    const numbers = new Float32Array(words.buffer)
    rows.forEach((r, i) => {
      words.set(
        [
          r.token ?? 0,
          r.chain ?? 0,
          r.pos ?? 0,
          r.n_shared ?? 0,
          r.gap ?? 0,
          r.span_row ?? 0,
          r.span_pos ?? 0,
          r.asked ?? -1,
          r.seed_low ?? 0,
          r.seed_high ?? 0,
        ],
        12 * i,
      )
      numbers[12 * i + 10] = r.inv_temperature ?? 0
      numbers[12 * i + 11] = r.min_p_log ?? 0
    })
    return this.up(words)
  }
}
