/**
 * The structs of src/gpu/gpu.h as they lie in wasm32 memory (gpu_wasm.c asserts the offsets), and
 * the error line. Owns the layout only; a view is made for each use and never kept.
 */

/** What gpu_facts says. */
export interface GpuFacts {
  f16: boolean
  subgroups: boolean
  int8Dot: boolean
  subgroupMin: number
  subgroupMax: number
  workgroupBytesMax: number
  invocationsMax: number
  storageBuffersMax: number
  bufferBytesMax: number
  bindingBytesMax: number
  vendor: string
  architecture: string
}

export interface PipelineDesc {
  name: string
  code: string
  entry: string
  constants: Record<string, number>
  letters: string
}

export interface Binding {
  buffer: number
  at: number
  bytes: number
}

const ERROR_BYTES = 256
const NAME_BYTES = 32
const BINDING_BYTES = 24
const CONSTANT_BYTES = 16
const SLICE_BYTES = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A copy first: TextDecoder refuses shared memory. */
function textAt(memory: WebAssembly.Memory, at: number, length: number): string {
  return decoder.decode(new Uint8Array(memory.buffer, at, length).slice())
}
function cStringAt(memory: WebAssembly.Memory, at: number): string {
  return textAt(memory, at, new Uint8Array(memory.buffer, at).indexOf(0))
}

/** `text` as a NUL-terminated string of at most `cap` bytes, cut between characters. */
function putString(memory: WebAssembly.Memory, at: number, cap: number, text: string): void {
  const bytes = encoder.encode(text)
  let length = Math.min(bytes.length, cap - 1)
  while (length < bytes.length && length > 0 && (bytes[length]! & 0xc0) === 0x80) length--
  const to = new Uint8Array(memory.buffer, at, cap)
  to.set(bytes.subarray(0, length))
  to[length] = 0
}

/** One line into an nf_error; at 0: nobody wants it. */
export function putError(memory: WebAssembly.Memory, at: number, line: string): void {
  if (at !== 0) putString(memory, at >>> 0, ERROR_BYTES, line.replace(/\p{Cc}+/gu, ' ').trim())
}

export function putFacts(memory: WebAssembly.Memory, at: number, facts: GpuFacts): void {
  const start = at >>> 0
  const view = new DataView(memory.buffer, start)
  const words = [
    1,
    facts.f16 ? 1 : 0,
    facts.subgroups ? 1 : 0,
    facts.int8Dot ? 1 : 0,
    facts.subgroupMin,
    facts.subgroupMax,
    facts.workgroupBytesMax,
    facts.invocationsMax,
    facts.storageBuffersMax,
  ]
  words.forEach((word, i) => {
    view.setInt32(4 * i, word, true)
  })
  view.setBigInt64(40, BigInt(facts.bufferBytesMax), true)
  view.setBigInt64(48, BigInt(facts.bindingBytesMax), true)
  putString(memory, start + 56, NAME_BYTES, facts.vendor)
  putString(memory, start + 56 + NAME_BYTES, NAME_BYTES, facts.architecture)
}

export function getPipelineDesc(memory: WebAssembly.Memory, at: number): PipelineDesc {
  const view = new DataView(memory.buffer)
  const word = (from: number) => view.getUint32(from, true)
  const start = at >>> 0
  const [name, parts, nParts] = [word(start), word(start + 4), word(start + 8)]
  const [entry, first, nConstants] = [word(start + 12), word(start + 16), word(start + 20)]
  let code = ''
  for (let i = 0; i < nParts; i++) {
    const slice = parts + SLICE_BYTES * i
    code += textAt(memory, word(slice), word(slice + 4))
  }
  const constants: Record<string, number> = {}
  for (let i = 0; i < nConstants; i++) {
    const constant = first + CONSTANT_BYTES * i
    constants[cStringAt(memory, word(constant))] = view.getFloat64(constant + 8, true)
  }
  return {
    name: cStringAt(memory, name),
    code,
    entry: entry === 0 ? 'main' : cStringAt(memory, entry),
    constants,
    letters: cStringAt(memory, word(start + 24)),
  }
}

export function getBindings(memory: WebAssembly.Memory, at: number, n: number): Binding[] {
  const view = new DataView(memory.buffer, at >>> 0)
  return Array.from({ length: n }, (_, i) => ({
    buffer: view.getInt32(BINDING_BYTES * i, true),
    at: Number(view.getBigInt64(BINDING_BYTES * i + 8, true)),
    bytes: Number(view.getBigInt64(BINDING_BYTES * i + 16, true)),
  }))
}
