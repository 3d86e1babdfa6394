// The real model on the GPU through nf_load_*: its greedy tokens on golden prompts are those of the
// f64 oracle (tests/data/make_golden.py), its host memory stays small, it answers in text.
// On SwiftShader a row takes about a second, so the shortest prompt runs; NEARFIELD_GPU_PROMPTS=9 runs
// all of them (a real GPU). Every row is compared with the CPU's int8 kernels too.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { goldenRows, goldenTokens, MARGIN_MIN, sameRows } from './parity.mjs'
import { CPU, GPU, openSides, S } from './sides.mjs'

const HOST_BYTES_MAX = 64 * 2 ** 20
/** One prompt: all 24 rows. All: short raw prompts are closer calls than edits (test_agreement.c). */
const AGREE_MIN = 0.98
const golden = JSON.parse(readFileSync('tests/data/golden_smollm2.json'))
const model = readFileSync(process.env.NEARFIELD_MODEL)
const nPrompts = Number(process.env.NEARFIELD_GPU_PROMPTS ?? 0)
const prompts =
  nPrompts > 0 ? golden.prompts.slice(0, nPrompts) : golden.prompts.filter((p) => p.name === 'one')

const s = await openSides()
test('it loads within 64 MiB of host memory and answers', async () => {
  assert.equal(await s.load(GPU, model, { ctx: 512, chunk: 1 << 23 }), S.ok, s.line)
  assert.equal(s.e.session_open(GPU), S.ok, s.line)
  const { text, status } = await s.generate(GPU, 'The capital of France is', 2)
  assert.equal(status, S.ok, s.line)
  assert.equal(text, ' Paris.')
  assert.ok(s.memory.buffer.byteLength <= HOST_BYTES_MAX, `${s.memory.buffer.byteLength} bytes`)
})

let rows
test(`greedy tokens of ${prompts.length} golden prompt(s) are the oracle's`, async (t) => {
  assert.equal(s.e.caches_open(GPU, 256), S.ok)
  rows = await goldenRows(s, GPU, prompts)
  const { tokens, other, wrong } = goldenTokens(prompts, rows)
  assert.deepEqual(wrong, [])
  t.diagnostic(`${tokens} tokens, ${other} of them within ${MARGIN_MIN} and other`)
})

test('top-1 of every row agrees with the int8 kernels of the CPU', async (t) => {
  const options = { ctx: 512, chunk: 1 << 24, kernels: 'simd128' }
  assert.equal(await s.load(CPU, model, options), S.ok, s.line)
  assert.equal(s.e.caches_open(CPU, 256), S.ok)
  const same = sameRows(rows, await goldenRows(s, CPU, prompts))
  t.diagnostic(`${same.same} of ${same.rows} rows`)
  assert.ok(same.same >= AGREE_MIN * same.rows, `${same.same} of ${same.rows} rows`)
  s.e.side_close(CPU)
})

test('it closes', () => {
  s.e.side_close(GPU)
  s.gpu.close()
})
