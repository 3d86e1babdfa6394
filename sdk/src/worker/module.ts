/**
 * nearfield.wasm as bytes: finds the memory it imports and, where threads are not to be had,
 * makes that memory an ordinary one by changing a single flag (docs/adr/0007-unshared-memory.md);
 * takes out relaxed SIMD where there is none (docs/adr/0022-one-module.md).
 * Owns the little of the binary format that takes. Read next: runtime.ts.
 */
import { NearfieldError } from '../error.ts'

export interface MemoryImport {
  /** Where the limits' flag byte is: bit 0 has a maximum, bit 1 shared. */
  flagAt: number
  initial: number
  maximum: number
}

const SHARED = 2

function damaged(): NearfieldError {
  return new NearfieldError(
    'bad_input',
    'nearfield.wasm: not a WebAssembly module that imports env.memory',
  )
}

/** Unsigned LEB128 at `at`: [value, next]. */
function leb(bytes: Uint8Array, at: number): [number, number] {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++]
    if (byte === undefined) break
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return [value, at]
  }
  throw damaged()
}

/** Where the body of the first section of this kind begins. */
function section(bytes: Uint8Array, wanted: number): number {
  if (bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) throw damaged()
  let at = 8
  while (at < bytes.length) {
    const id = bytes[at]!
    const [size, body] = leb(bytes, at + 1)
    if (id === wanted) return body
    at = body + size
  }
  throw damaged()
}

/** source WebAssembly core 3.0, 5.5.5 "Import Section" and 5.3.8 "Limits" */
export function memoryImport(bytes: Uint8Array): MemoryImport {
  return memoryAmong(bytes, section(bytes, 2))
}

function memoryAmong(bytes: Uint8Array, from: number): MemoryImport {
  let [count, at] = leb(bytes, from)
  for (; count > 0; count--) {
    for (let name = 0; name < 2; name++) {
      const [length, text] = leb(bytes, at)
      at = text + length
    }
    const kind = bytes[at++]
    if (kind === 2) {
      const flag = bytes[at]
      const [initial, next] = leb(bytes, at + 1)
      if (flag === undefined || (flag & 1) === 0) throw damaged()
      return { flagAt: at, initial, maximum: leb(bytes, next)[0] }
    }
    if (kind !== 0) throw damaged() // functions and the memory are all this module imports
    at = leb(bytes, at)[1]
  }
  throw damaged()
}

/** The same module over shared or ordinary memory. `bytes` is changed in place. */
export function setMemoryShared(bytes: Uint8Array, memory: MemoryImport, shared: boolean): void {
  const flag = bytes[memory.flagAt]!
  bytes[memory.flagAt] = shared ? flag | SHARED : flag & ~SHARED
}

const UNREACHABLE = 0
const NOP = 1
const END = 0x0b

/**
 * Every body that uses relaxed SIMD becomes a trap of the same length, and the module says that it
 * has none: its last section, "relaxed", says where (sdk/relaxed.mjs). `bytes` is changed in place.
 */
export function dropRelaxed(bytes: Uint8Array<ArrayBuffer>): void {
  const from = section(bytes, 0) + 'relaxed'.length + 1
  const words = new Uint32Array(bytes.slice(from).buffer)
  bytes[words[0]!] = 0
  for (let i = 1; i < words.length; i += 2) {
    const end = words[i + 1]! - 1
    bytes.fill(NOP, words[i]!, end)
    bytes.set([0, UNREACHABLE], words[i]!) // no locals
    bytes[end] = END
  }
}
