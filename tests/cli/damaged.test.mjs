// Damaged models at the command line: one bit of the directory is flipped, at fixed places, and the
// program must answer or refuse in one line, never die of a signal. Tiny models for many places
// (the whole files of fuzz/corpus/model), the real one for a few. And a file far too large, with
// time and memory bounded. Does NOT test what the line says of each damage (edit.test.mjs).
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { folder, program, run } from './command.mjs'

// A run with a damaged model: done, or refused in one line. Returns the exit code.
function answersOrRefuses(file, what) {
  const args = ['generate', '--prompt', 'x', '--max-tokens', '1', '--threads', '1', '--model', file]
  const r = run(args, { timeout: 60_000 })
  assert.equal(r.signal, null, `${what}: ended by ${r.signal}`)
  assert.ok(r.code === 0 || r.code === 1, `${what}: exit ${r.code}, ${r.err}`)
  if (r.code === 1)
    assert.match(r.err, /^nearfield: [^\n]+\n$/, `${what}: ${JSON.stringify(r.err)}`)
  if (r.code === 0) assert.equal(r.err, '', what)
  return r.code
}

// Flip bit `bit` of byte `at` in the open file; the same call again takes it back.
function flip(fd, at, bit) {
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, at)
  byte[0] ^= 1 << bit
  writeSync(fd, byte, 0, 1, at)
}

for (const name of ['q4_1_tied', 'q8_0_two_layers']) {
  test(`one flipped bit in the directory of a tiny model: ${name}`, () => {
    const bytes = readFileSync(path.join('fuzz/corpus/model', name)).subarray(1) // the first byte is the fuzzer's
    const file = path.join(folder, `${name}.gguf`)
    const end = bytes.lastIndexOf('blk.') + 64
    writeFileSync(file, bytes)
    assert.equal(answersOrRefuses(file, 'undamaged'), 0)
    const fd = openSync(file, 'r+')
    let refused = 0
    const places = 240
    for (let i = 0; i < places; i++) {
      const at = Math.floor((i * end) / places)
      flip(fd, at, i % 8)
      refused += answersOrRefuses(file, `${name}: bit ${i % 8} of byte ${at}`)
      flip(fd, at, i % 8)
    }
    closeSync(fd)
    assert.deepEqual(readFileSync(file), bytes)
    assert.ok(refused >= places / 10 && refused < places, `${refused} of ${places} were refused`)
  })
}

test('one flipped bit in the first 2 MB of the real model', () => {
  const file = path.join(folder, 'real.gguf')
  copyFileSync(process.env.NEARFIELD_MODEL, file)
  const fd = openSync(file, 'r+')
  // head, first keys, tensor entries; then every 66,667th byte: token table and merges
  const places = [4, 8, 16, 24, 33, 1100, 1_769_505, 1_769_540, 1_775_000, 1_781_390]
  for (let at = 11; at < 2_000_000; at += 66_667) places.push(at)
  for (const at of places) {
    flip(fd, at, at % 8)
    answersOrRefuses(file, `bit ${at % 8} of byte ${at}`)
    flip(fd, at, at % 8)
  }
  closeSync(fd)
  rmSync(file)
})

// That the line is clear is in captions.test.mjs; here the bounds: 100 MB of addresses, 8 s (others run beside it).
test('200 MB given as captions cost neither memory nor time', {
  skip: process.env.NF_SANITIZED === '1',
}, () => {
  const file = path.join(folder, 'big.srt')
  writeFileSync(file, '1\n00:00:01,000 --> 00:00:02,000\nx\n')
  truncateSync(file, 200_000_000)
  const start = performance.now()
  const r = spawnSync('bash', ['-c', `ulimit -v 97656; exec "${program}" lint "${file}"`], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  assert.equal(r.status, 1, r.stderr)
  assert.match(r.stderr, /^nearfield: [^\n]*big\.srt is larger than 67108864 bytes\n$/)
  assert.ok(performance.now() - start < 8000, `${performance.now() - start} ms`)
})
