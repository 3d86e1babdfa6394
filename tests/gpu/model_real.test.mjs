// The real model on the GPU through nf_load_*: its greedy tokens on golden prompts are those of the
// f64 oracle (tests/data/make_golden.py), its host memory stays small, it answers in text.
// On SwiftShader a row takes about a second, so two short prompts run; NEARFIELD_GPU_PROMPTS=9 runs
// all of them (a real GPU), and compares every row with the CPU's int8 kernels too.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CPU, GPU, openSides, S } from './sides.mjs'

const HOST_BYTES_MAX = 64 * 2 ** 20
/** Where the oracle's choice hangs on less than this, in logits, f32 sums may choose otherwise. */
const MARGIN_MIN = 1e-3
const golden = JSON.parse(readFileSync('tests/data/golden_smollm2.json'))
const model = readFileSync(process.env.NEARFIELD_MODEL)
const nPrompts = Number(process.env.NEARFIELD_GPU_PROMPTS ?? 0)
const prompts =
  nPrompts > 0 ? golden.prompts.slice(0, nPrompts) : golden.prompts.filter((p) => p.name === 'one')

/** best of every row of tokens at positions 0..., in passes of 64 rows. */
async function bestOf(s, side, tokens) {
  const best = []
  for (let pos = 0; pos < tokens.length; pos += 64) {
    const part = tokens.slice(pos, pos + 64)
    const got = await s.pass(side, [{ tokens: part, pos, out: part.length }])
    assert.equal(got.status, S.ok, s.line)
    best.push(...got.best)
  }
  return best
}

const s = await openSides()
test('it loads within 64 MiB of host memory and answers', async () => {
  assert.equal(await s.load(GPU, model, { ctx: 512, chunk: 1 << 23 }), S.ok, s.line)
  assert.equal(s.e.session_open(GPU), S.ok, s.line)
  const { text, status } = await s.generate(GPU, 'The capital of France is', 2)
  assert.equal(status, S.ok, s.line)
  assert.equal(text, ' Paris.')
  assert.ok(s.memory.buffer.byteLength <= HOST_BYTES_MAX, `${s.memory.buffer.byteLength} bytes`)
})

test(`greedy tokens of ${prompts.length} golden prompt(s) are the oracle's`, async (t) => {
  assert.equal(s.e.caches_open(GPU, 256), S.ok)
  let [n, close] = [0, 0]
  for (const { name, tokens, oracle } of prompts) {
    const best = await bestOf(s, GPU, [...tokens, ...oracle.greedy.slice(0, -1)])
    const got = best.slice(tokens.length - 1)
    for (const [i, want] of oracle.greedy.entries()) {
      n++
      if (got[i] === want) continue
      close++
      assert.ok(
        oracle.margin[i] < MARGIN_MIN,
        `${name}: token ${i} is ${got[i]}, not ${want}, by ${oracle.margin[i]}`,
      )
    }
  }
  t.diagnostic(`${n} tokens, ${close} of them within ${MARGIN_MIN} and other`)
})

if (nPrompts > 0) {
  test('top-1 of every row agrees with the int8 kernels of the CPU', async (t) => {
    assert.equal(
      await s.load(CPU, model, { ctx: 512, chunk: 1 << 24, kernels: 'simd128' }),
      S.ok,
      s.line,
    )
    assert.equal(s.e.caches_open(CPU, 256), S.ok)
    let [same, all] = [0, 0]
    for (const { tokens } of prompts) {
      const [gpu, cpu] = [await bestOf(s, GPU, tokens), await bestOf(s, CPU, tokens)]
      all += gpu.length
      same += gpu.filter((token, i) => token === cpu[i]).length
    }
    t.diagnostic(`${same} of ${all} rows`)
    s.e.side_close(CPU)
  })
}

test('it closes', () => {
  s.e.side_close(GPU)
  s.gpu.close()
})
