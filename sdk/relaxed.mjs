// Marks in nearfield.wasm, for browsers without relaxed SIMD, what they would refuse (docs/adr/0022):
// a custom section "relaxed" at its end holds u32s, little-endian, offsets into the file:
//   the byte that k_relaxed_here answers (src/kernel/tables.c), then begin and end of every function
//   body that uses an instruction of relaxed SIMD.
// Owns finding them, which takes the lengths of all instructions. Read by src/worker/module.ts.
// source WebAssembly core 3.0, 5.4 "Instructions"

const END = 0x0b
const RELAXED_FROM = 0x100 // 0xfd, then this and above

/** Reads LEB128 and bytes forward. */
class Reader {
  constructor(bytes, at) {
    this.bytes = bytes
    this.at = at
  }
  byte() {
    if (this.at >= this.bytes.length) throw new Error('relaxed.mjs: the module is cut')
    return this.bytes[this.at++]
  }
  /** Unsigned; of a signed one only the length is right. */
  leb() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }
  lebs(n) {
    for (; n > 0; n--) this.leb()
  }
  skip(n) {
    this.at += n
  }
}

function* sections(bytes) {
  const reader = new Reader(bytes, 8)
  while (reader.at < bytes.length) {
    const id = reader.byte()
    const size = reader.leb()
    yield { id, begin: reader.at, end: reader.at + size }
    reader.skip(size)
  }
}
function section(bytes, wanted) {
  for (const one of sections(bytes)) if (one.id === wanted) return one
  throw new Error(`relaxed.mjs: the module has no section ${wanted}`)
}

/** Where each body of the code section begins, behind its size, and ends. */
function bodies(bytes) {
  const reader = new Reader(bytes, section(bytes, 10).begin)
  return Array.from({ length: reader.leb() }, () => {
    const size = reader.leb()
    const begin = reader.at
    reader.skip(size)
    return { begin, end: begin + size }
  })
}

// LEBs behind each opcode; what is not here has none
const LEBS = new Map([
  ...[0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10, 0x12, 0x3f, 0x40, 0x41, 0x42, 0xd0, 0xd2].map((op) => [
    op,
    1,
  ]),
  ...[0x11, 0x13].map((op) => [op, 2]),
  ...[0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26].map((op) => [op, 1]),
  ...Array.from({ length: 0x3e - 0x28 + 1 }, (_, i) => [0x28 + i, 2]),
])
const LEBS_FC = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1]

function skipVector(reader, op) {
  if (op <= 11 || op === 92 || op === 93) reader.lebs(2)
  else if (op === 12 || op === 13) reader.skip(16)
  else if (op >= 21 && op <= 34) reader.skip(1)
  else if (op >= 84 && op <= 91) {
    reader.lebs(2)
    reader.skip(1)
  }
}

/** Has the body an instruction of relaxed SIMD? */
function isRelaxed(bytes, { begin, end }) {
  const reader = new Reader(bytes, begin)
  for (let n = reader.leb(); n > 0; n--) {
    reader.leb()
    reader.skip(1)
  }
  let found = false
  let op = -1
  while (reader.at < end) {
    op = reader.byte()
    if (op === 0xfd) {
      const vector = reader.leb()
      if (vector >= RELAXED_FROM) found = true
      else skipVector(reader, vector)
    } else if (op === 0xfc) reader.lebs(LEBS_FC[reader.leb()])
    else if (op === 0xfe) {
      if (reader.leb() === 3) reader.skip(1)
      else reader.lebs(2)
    } else if (op === 0x0e) reader.lebs(reader.leb() + 1)
    else if (op === 0x1c) reader.skip(reader.leb())
    else if (op === 0x43) reader.skip(4)
    else if (op === 0x44) reader.skip(8)
    else reader.lebs(LEBS.get(op) ?? 0)
  }
  if (reader.at !== end || op !== END) throw new Error(`relaxed.mjs: lost in the body at ${begin}`)
  return found
}

/** Offset of the byte that the exported function answers, of `i32.const N`. */
function answerOf(bytes, wanted) {
  const imports = new Reader(bytes, section(bytes, 2).begin)
  let nImported = 0
  for (let n = imports.leb(); n > 0; n--) {
    imports.skip(imports.leb())
    imports.skip(imports.leb())
    const kind = imports.byte()
    if (kind === 0) {
      nImported++
      imports.leb()
    } else if (kind === 2) imports.lebs(imports.byte() & 1 ? 2 : 1)
    else throw new Error(`relaxed.mjs: an import of kind ${kind}`)
  }
  const exports = new Reader(bytes, section(bytes, 7).begin)
  for (let n = exports.leb(); n > 0; n--) {
    const length = exports.leb()
    const name = new TextDecoder().decode(bytes.subarray(exports.at, exports.at + length))
    exports.skip(length)
    exports.byte()
    const index = exports.leb()
    if (name !== wanted) continue
    const { begin, end } = bodies(bytes)[index - nImported]
    const body = [...bytes.subarray(begin, end)]
    if (body.join() !== [0, 0x41, 1, END].join()) {
      throw new Error(`relaxed.mjs: ${wanted} is not 'i32.const 1': ${body}`)
    }
    return begin + 2
  }
  throw new Error(`relaxed.mjs: ${wanted} is not exported`)
}

/** The module with its section behind it. */
export function markRelaxed(bytes) {
  const offsets = bodies(bytes)
    .filter((body) => isRelaxed(bytes, body))
    .flatMap(({ begin, end }) => [begin, end])
  if (offsets.length === 0) throw new Error('relaxed.mjs: the module has no relaxed SIMD')
  for (const { id } of sections(bytes)) {
    if (id === 0) throw new Error('relaxed.mjs: the module has a custom section already')
  }
  const name = new TextEncoder().encode('relaxed')
  const words = [answerOf(bytes, 'k_relaxed_here'), ...offsets]
  const size = 1 + name.length + 4 * words.length
  const head = [0, (size & 127) | 128, size >> 7, name.length, ...name]
  if (size < 128 || size >= 2 ** 14) throw new Error(`relaxed.mjs: ${offsets.length / 2} bodies`)
  const marked = new Uint8Array(bytes.length + head.length + 4 * words.length)
  marked.set(bytes)
  marked.set(head, bytes.length)
  const view = new DataView(marked.buffer, bytes.length + head.length)
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true)
  return marked
}
