// nearfield quantize: the real model in another type still answers; blocks against llama.cpp's own
// (tests/data/quant_vectors.gguf) and against what this file computes; what is refused leaves
// nothing. Spawns build/native/nearfield.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { folder, program, run, talk } from './command.mjs'
import { F16, F32, gguf, ggufFile, Q4_0, Q4_1, Q8_0, stringValue, u32Value } from './gguf.mjs'

const real = process.env.NEARFIELD_MODEL
const vectors = gguf('tests/data/quant_vectors.gguf').tensors
const input = vectors.get('encode.input')
const inFolder = (name) => path.join(folder, name)
const fileTypes = { q4_0: 2, q4_1: 3, q8_0: 7 }
const types = { q4_0: Q4_0, q4_1: Q4_1, q8_0: Q8_0 }
const changing = ['general.file_type', 'general.quantization_version']

function quantized(type, from, to, ...more) {
  const r = run(['quantize', '--type', type, ...more, from, to])
  assert.equal(r.code, 0, r.err)
  assert.equal(r.out + r.err, '')
  return gguf(inFolder(to))
}

// Refused in one line, and whatever stood at `out` stands there still.
function refused(args, pattern, { code = 1, out = inFolder('no.gguf') } = {}) {
  const before = existsSync(out) && statSync(out).isFile() ? readFileSync(out) : null
  const r = run(['quantize', ...args])
  assert.equal(r.code, code, r.err)
  assert.match(r.err, pattern)
  if (code !== 2) assert.match(r.err, /^nearfield: [^\n]+\n$/, 'one line')
  if (before) assert.deepEqual(readFileSync(out), before)
  else if (!existsSync(out) || statSync(out).isFile()) assert.ok(!existsSync(out), 'written')
  noneLeft()
}
const noneLeft = () =>
  assert.deepEqual(
    readdirSync(folder).filter((f) => f.includes('.tmp')),
    [],
  )

function keysKept(before, after, type) {
  for (const [key, bytes] of before)
    if (!changing.includes(key)) assert.deepEqual(after.get(key), bytes, key)
  assert.deepEqual(after.get(changing[0]), u32Value(fileTypes[type]))
  assert.deepEqual(after.get(changing[1]), u32Value(2))
  assert.equal(after.size, new Set([...before.keys(), ...changing]).size)
}

// A small file of the llama names, its matrices the rows that llama.cpp encoded.
function small(type = F32, bytes = input.bytes, more = []) {
  const vector = { type: F32, dims: [1024], bytes: input.bytes.subarray(0, 4096) }
  const keys = new Map([
    ['general.architecture', stringValue('llama')],
    ['general.name', stringValue('a name')],
  ])
  const matrix = { type, dims: [1024, 5], bytes }
  const tensors = [
    { name: 'token_embd.weight', ...matrix },
    { name: 'blk.0.attn_norm.weight', ...vector },
    { name: 'blk.0.attn_q.weight', ...matrix },
    { name: 'blk.0.odd.weight', type: F32, dims: [40, 2], bytes: input.bytes.subarray(0, 320) },
    { name: 'blk.0.attn_q.bias', ...vector },
    ...more,
  ]
  return [keys, tensors]
}

test('the real model as q8_0: keys, norms, every block, and it answers', () => {
  const before = gguf(real)
  const after = quantized('q8_0', real, 'q8.gguf')
  keysKept(before.keys, after.keys, 'q8_0')
  assert.deepEqual([...after.tensors.keys()], [...before.tensors.keys()])
  let matrices = 0
  for (const [name, t] of before.tensors) {
    const made = after.tensors.get(name)
    if (t.type === F32 || t.type === Q8_0) assert.deepEqual(made, { ...t, offset: made.offset })
    else matrices++
    if (t.type !== F32) assert.equal(made.type, Q8_0, name)
  }
  assert.equal(matrices, 210)
  for (const name of ['blk.0.attn_k.weight', 'blk.29.ffn_down.weight'])
    q8FromQ41(before.tensors.get(name).bytes, after.tensors.get(name).bytes)
  const ask = ['generate', '--prompt', 'Name three fruits.', '--max-tokens', '20']
  const r = run([...ask, '--model', 'q8.gguf'])
  assert.equal(r.code, 0, r.err)
  assert.match(r.out, /^1\. \w+\n2\. \w+\n3\. /)
})

// Q8_0's scale is the largest magnitude / 127 in F16, its values the nearest multiples.
function q8FromQ41(from, to) {
  const half = (b, at) => {
    const h = b.readUInt16LE(at)
    const [e, f] = [(h >> 10) & 31, h & 1023]
    return (h & 0x8000 ? -1 : 1) * (e ? (1 + f / 1024) * 2 ** (e - 15) : f * 2 ** -24)
  }
  for (let i = 0; i < from.length / 20; i++) {
    const b = from.subarray(20 * i, 20 * i + 20)
    const [d, m] = [half(b, 0), half(b, 2)]
    const x = Array.from({ length: 32 }, (_, j) =>
      Math.fround(Math.fround((j < 16 ? b[4 + j] & 15 : b[4 + j - 16] >> 4) * d) + m),
    )
    const q = to.subarray(34 * i, 34 * i + 34)
    const scale = half(q, 0)
    const largest = Math.max(...x.map(Math.abs))
    assert.ok(Math.abs(scale - largest / 127) <= largest / 127 / 1024 + 2 ** -25, `scale ${i}`)
    for (let j = 0; j < 32; j++) {
      const exact = largest ? (x[j] / largest) * 127 : 0
      assert.ok(Math.abs(q.readInt8(2 + j) - exact) <= 0.5001, `block ${i} element ${j}`)
    }
  }
}

test('the same type again is the same file, whoever made it', () => {
  quantized('q4_1', real, 'same.gguf')
  assert.ok(readFileSync(inFolder('same.gguf')).equals(readFileSync(real)))
})

for (const type of ['q4_0', 'q4_1', 'q8_0']) {
  test(`from F32 to ${type}: the blocks are llama.cpp's`, () => {
    const [keys, tensors] = small()
    writeFileSync(inFolder('f32.gguf'), ggufFile(keys, tensors))
    const made = quantized(type, 'f32.gguf', 'made.gguf')
    keysKept(keys, made.keys, type)
    const want = vectors.get(`encode.${type.toUpperCase()}`).bytes
    const q = made.tensors.get('blk.0.attn_q.weight')
    assert.equal(q.type, types[type])
    assert.deepEqual(q.bytes, want)
    const head = made.tensors.get('token_embd.weight')
    assert.equal(head.type, Q8_0, 'the tied head')
    assert.deepEqual(head.bytes, vectors.get('encode.Q8_0').bytes)
    for (const t of tensors.filter((t) => t.dims.length === 1 || t.name.includes('odd')))
      assert.deepEqual(made.tensors.get(t.name).bytes, t.bytes, t.name)
    const pure = quantized(type, 'f32.gguf', 'made.gguf', '--pure')
    assert.deepEqual(pure.tensors.get('token_embd.weight').bytes, want)
  })
}

test('from F16 as from the same values in F32', () => {
  const half = vectors.get('encode.F16').bytes
  const finite = Buffer.from(half)
  const values = new Float32Array(half.length / 2)
  for (let i = 0; i < values.length; i++) {
    const h = half.readUInt16LE(2 * i)
    const [e, f] = [(h >> 10) & 31, h & 1023]
    if (e === 31) finite.writeUInt16LE(0, 2 * i)
    else values[i] = (h & 0x8000 ? -1 : 1) * (e ? (1 + f / 1024) * 2 ** (e - 15) : f * 2 ** -24)
  }
  writeFileSync(inFolder('a.gguf'), ggufFile(...small(F16, finite)))
  writeFileSync(inFolder('b.gguf'), ggufFile(...small(F32, Buffer.from(values.buffer))))
  quantized('q4_1', 'a.gguf', 'a41.gguf')
  quantized('q4_1', 'b.gguf', 'b41.gguf')
  assert.deepEqual(readFileSync(inFolder('a41.gguf')), readFileSync(inFolder('b41.gguf')))
})

test("head and embedding by themselves, the file's alignment, in place", () => {
  const output = { name: 'output.weight', type: F32, dims: [1024, 5], bytes: input.bytes }
  const [keys, tensors] = small(F32, input.bytes, [output])
  keys.set('general.alignment', u32Value(256))
  keys.set('general.file_type', u32Value(0))
  writeFileSync(inFolder('in.gguf'), ggufFile(keys, tensors, 256))
  chmodSync(inFolder('in.gguf'), 0o640)
  const types = (file) =>
    ['output', 'token_embd', 'blk.0.attn_q'].map((n) => file.tensors.get(`${n}.weight`).type)
  assert.deepEqual(types(quantized('q4_0', 'in.gguf', 'x.gguf')), [Q8_0, Q4_0, Q4_0])
  assert.deepEqual(types(quantized('q4_0', 'in.gguf', 'x.gguf', '--pure')), [Q4_0, Q4_0, Q4_0])
  const each = ['--output-tensor-type', 'Q4_1', '--token-embedding-type', 'q8_0']
  const made = quantized('q4_0', 'in.gguf', 'in.gguf', ...each)
  assert.deepEqual(types(made), [Q4_1, Q8_0, Q4_0])
  keysKept(keys, made.keys, 'q4_0')
  assert.equal(statSync(inFolder('in.gguf')).mode & 0o777, 0o640)
})

test('what is no model, damaged or cut is refused and nothing is written', () => {
  const write = (name, bytes) => {
    writeFileSync(inFolder(name), bytes)
    return name
  }
  const q8 = (name) => ['--type', 'q8_0', name, 'no.gguf']
  const whole = ggufFile(...small())
  for (const n of [0, 10, 100, whole.length >> 1, whole.length - 64])
    refused(q8(write('cut', whole.subarray(0, n))), /cut[:,].*(GGUF|cut|past|empty)/)
  refused(q8(talk), /talk\.srt: not a GGUF file/)
  refused(q8('missing'), /cannot open missing: No such file/)
  refused(q8('.'), /cannot read \.: Is a directory/)
  refused(q8(write('none', ggufFile(new Map(), []))), /none of its 0 tensors is a matrix/)
  const bad = Buffer.from(input.bytes)
  bad.writeFloatLE(Number.NaN, 4 * 3000)
  refused(q8(write('nan', ggufFile(...small(F32, bad)))), /token_embd\.weight: has a value/)
  bad.writeFloatLE(70000, 4 * 3000)
  write('no.gguf', 'an older file')
  refused(q8(write('large', ggufFile(...small(F32, bad)))), /-65504 to 65504/)
  rmSync(inFolder('no.gguf'))
  for (let i = 0; i < 96; i++) {
    const flipped = Buffer.from(whole)
    flipped[Math.floor((i * 600) / 96)] ^= 1 << (i % 8)
    const r = run(q8(write('flip', flipped)).toSpliced(0, 0, 'quantize'), { timeout: 20_000 })
    assert.ok(r.code === 0 || r.code === 1, `flip ${i}: exit ${r.code} ${r.signal} ${r.err}`)
    if (r.code === 1) assert.match(r.err, /^nearfield: [^\n]+\n$/)
    assert.equal(existsSync(inFolder('no.gguf')), r.code === 0)
    rmSync(inFolder('no.gguf'), { force: true })
  }
  noneLeft()
})

test('an output that cannot be written, and words that are wrong', () => {
  writeFileSync(inFolder('f32.gguf'), ggufFile(...small()))
  const to = (out) => ['--type', 'q8_0', 'f32.gguf', out]
  refused(to('nowhere/x.gguf'), /nowhere\/x\.gguf/, { code: 3 })
  mkdirSync(inFolder('a_folder'))
  refused(to('a_folder'), /a_folder: Is a directory/, { code: 3, out: inFolder('a_folder') })
  refused(to('/dev/full'), /\/dev\/full: No space left/, { code: 3 })
  const two = ['f32.gguf', 'no.gguf']
  refused(['--type', 'q5_0', ...two], /--type: q4_0, q4_1 or q8_0 expected\nusage/, { code: 2 })
  refused(two, /--type is missing\nusage/, { code: 2 })
  refused(['--type', 'q8_0', 'f32.gguf'], /an input and an output/, { code: 2 })
  refused(['--type', 'q8_0', '--fast', ...two], /unknown option/, { code: 2 })
  const pure = ['--type', 'q8_0', '--pure', '--output-tensor-type', 'q8_0']
  refused([...pure, ...two], /--pure goes without/, { code: 2 })
  assert.match(run(['quantize', '--help']).out, /^usage: nearfield quantize/)
})

test('Ctrl-C leaves the old file and nothing beside it', async () => {
  const out = inFolder('stopped.gguf')
  writeFileSync(out, 'an older file')
  const child = spawn(program, ['quantize', '--type', 'q4_0', real, out], { cwd: folder })
  let err = ''
  child.stderr.on('data', (d) => {
    err += d
  })
  const ended = new Promise((done) => child.on('close', done))
  const begun = () => readdirSync(folder).some((f) => f.startsWith('stopped.gguf.tmp'))
  while (!begun() && child.exitCode === null) await new Promise((next) => setImmediate(next))
  child.kill('SIGINT')
  assert.equal(await ended, 130, err)
  assert.equal(err, 'nearfield: stopped; nothing was written\n')
  assert.equal(readFileSync(out, 'utf8'), 'an older file')
  noneLeft()
})

// 145 MB are written within 32 MB of addresses, the program's own included.
test('memory does not follow the size of the model', {
  skip: process.env.NF_SANITIZED === '1',
}, () => {
  const script = `ulimit -v 32000; exec "${program}" quantize --type q8_0 "${real}" small.gguf`
  const r = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
  assert.equal(r.status, 0, r.stderr)
  assert.ok(statSync(inFolder('small.gguf')).size > 140e6)
})
