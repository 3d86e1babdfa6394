// A GGUF file's directory read and written, for tests of the command line: independent of src/gguf.
// Trusts its input. Source: ggml docs/gguf.md.
import { readFileSync } from 'node:fs'

const scalarBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
const STRING = 8
const ARRAY = 9
export const F32 = 0
export const F16 = 1
export const Q4_0 = 2
export const Q4_1 = 3
export const Q8_0 = 8
// [elements, bytes] of a block, by type; 6.. are read only: Q5_0, Q5_1, the K types, BF16
const blocks = {
  [F32]: [1, 4],
  [F16]: [1, 2],
  [Q4_0]: [32, 18],
  [Q4_1]: [32, 20],
  [Q8_0]: [32, 34],
  6: [32, 22],
  7: [32, 24],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  30: [1, 2],
}

// { keys: Map of key -> its bytes (type and value), tensors: Map of name -> { type, dims, bytes } }
export function gguf(file) {
  const all = readFileSync(file)
  let at = 8
  const take = (n) => {
    at += n
    return all.subarray(at - n, at)
  }
  const u32 = () => take(4).readUInt32LE()
  const u64 = () => Number(take(8).readBigUInt64LE())
  const string = () => take(u64()).toString()
  const skip = (type) => {
    if (type === STRING) take(u64())
    else if (type === ARRAY) {
      const element = u32()
      const n = u64()
      for (let i = 0; i < n; i++) skip(element)
    } else take(scalarBytes[type])
  }
  const nTensors = u64()
  const nKeys = u64()
  const keys = new Map()
  for (let i = 0; i < nKeys; i++) {
    const key = string()
    const from = at
    skip(u32())
    keys.set(key, all.subarray(from, at))
  }
  const tensors = new Map()
  for (let i = 0; i < nTensors; i++) {
    const name = string()
    const dims = Array.from({ length: u32() }, u64)
    tensors.set(name, { dims, type: u32(), offset: u64() })
  }
  const align = keys.has('general.alignment') ? keys.get('general.alignment').readUInt32LE(4) : 32
  const data = Math.ceil(at / align) * align
  for (const t of tensors.values()) {
    const [elements, bytes] = blocks[t.type]
    const n = (t.dims.reduce((a, b) => a * b) / elements) * bytes
    t.bytes = all.subarray(data + t.offset, data + t.offset + n)
  }
  return { keys, tensors }
}

// The bytes of a file. keys: as gguf's; tensors: [{ name, type, dims, bytes }].
export function ggufFile(keys, tensors, align = 32) {
  const parts = []
  const u32 = (v) => parts.push(Buffer.from(Uint32Array.of(v).buffer))
  const u64 = (v) => parts.push(Buffer.from(BigUint64Array.of(BigInt(v)).buffer))
  const string = (s) => {
    u64(Buffer.byteLength(s))
    parts.push(Buffer.from(s))
  }
  const padding = (n) => Buffer.alloc((align - (n % align)) % align)
  parts.push(Buffer.from('GGUF\x03\0\0\0', 'latin1'))
  u64(tensors.length)
  u64(keys.size)
  for (const [key, bytes] of keys) {
    string(key)
    parts.push(bytes)
  }
  let offset = 0
  for (const t of tensors) {
    string(t.name)
    u32(t.dims.length)
    for (const d of t.dims) u64(d)
    u32(t.type)
    u64(offset)
    offset += t.bytes.length + padding(t.bytes.length).length
  }
  parts.push(padding(parts.reduce((n, p) => n + p.length, 0)))
  for (const t of tensors) parts.push(t.bytes, padding(t.bytes.length))
  return Buffer.concat(parts)
}

// A key's bytes: a string, or a u32.
export const stringValue = (text) =>
  Buffer.concat([
    Buffer.from(Uint32Array.of(STRING).buffer),
    Buffer.from(BigUint64Array.of(BigInt(Buffer.byteLength(text))).buffer),
    Buffer.from(text),
  ])
export const u32Value = (v) => Buffer.from(Uint32Array.of(4, v).buffer)
