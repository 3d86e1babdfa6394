// From logits to ids and log p: against pick.h and plain arithmetic, ties and the tokens asked for
// included; draws follow the hash.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { floats, openKernels } from './kernels.mjs'
import { S } from './module.mjs'

async function picked(m, n_vocab, logits, records, { rows = null, result0 = 0 } = {}) {
  const count = logits.length
  const pass = m.passes([{ m: count, result0, rows }])
  const at = m.records(records)
  const all = new Float32Array(count * n_vocab)
  logits.forEach((row, i) => { all.set(row, i * n_vocab) })
  const results = m.empty(16 * (result0 + count))
  const bind = m.e.pick_bind(0, pass, at[0], at[2], results[0], results[2], m.numbers(m.up(all)))
  m.e.pick_run(0, bind, 0, count)
  const got = await m.down(results)
  const tokens = new Int32Array(got.buffer)
  m.free()
  return logits.map((_, i) => {
    const j = 4 * (result0 + i)
    return { token: tokens[j], best: got[j + 1], asked: got[j + 2], logit: got[j + 3] }
  })
}
function logP(row, token) {
  const top = row.reduce((a, b) => Math.max(a, b))
  return row[token] - top - Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0))
}

test('greedy: the lowest of equals; log p of it and of the token asked for', async () => {
  const n_vocab = 3 * 1024 + 1021 // odd, no multiple of the workgroup or of a chunk
  const m = await openKernels()
  assert.equal(await m.open(0, { n_vocab }), S.ok, m.kernelsLine)
  const rows = [floats(n_vocab, 1, 9), floats(n_vocab, 2, 30), floats(n_vocab, 3), floats(n_vocab, 4), new Float32Array(n_vocab)]
  rows[1][n_vocab - 1] = 40
  for (const token of [3000, 1000, 700, 300, 44]) rows[2][token] = 5 // in four lanes, two chunks
  for (const token of [256 + 9, 9]) rows[3][token] = 5 // in one
  const order = [4, 2, 0, 1, 3]
  const asked = [7, n_vocab - 1, 44, -1, 0]
  const records = asked.map((token) => ({ asked: token }))
  const got = await picked(m, n_vocab, order.map((i) => rows[i]), records, { rows: [...order, ...Array(59).fill(0)], result0: 3 })
  const want = [rows[0].indexOf(rows[0].reduce((a, b) => Math.max(a, b))), n_vocab - 1, 44, 9, 0]
  order.forEach((i, j) => {
    assert.equal(got[j].token, want[i], `row ${i}`)
    assert.equal(got[j].logit, rows[i][want[i]])
    assert.ok(Math.abs(got[j].best - logP(rows[i], want[i])) < 1e-5, `row ${i}: ${got[j].best}`)
    const expected = asked[i] < 0 ? 0 : logP(rows[i], asked[i])
    assert.ok(Math.abs(got[j].asked - expected) < 1e-5, `row ${i}: ${got[j].asked}, not ${expected}`)
  })
  m.gpu.close()
})

test('draws: the largest of logit / T + noise among the likely', async () => {
  const n_vocab = 2100
  const m = await openKernels()
  assert.equal(await m.open(0, { n_vocab }), S.ok, m.kernelsLine)
  const rows = Array.from({ length: 64 }, (_, i) => floats(n_vocab, 1 + i % 4, 3))
  const [temperature, minP] = [0.8, 0.05]
  const records = rows.map((_, i) => ({ pos: 1000 + i, seed_low: 77 + i % 3, seed_high: i % 2 ? 0xdeadbeef | 0 : 0, inv_temperature: 1 / temperature, min_p_log: temperature * Math.log(minP) }))
  const got = await picked(m, n_vocab, rows, records)
  const chosen = new Set()
  rows.forEach((row, i) => {
    const r = records[i]
    const bar = row.reduce((a, b) => Math.max(a, b)) + r.min_p_log
    let [best, token, second] = [-Infinity, -1, -Infinity]
    row.forEach((logit, j) => {
      if (logit < bar) return
      const noisy = logit / temperature + m.e.ref_gumbel(r.seed_low, r.seed_high, r.pos + 1, j)
      if (noisy > best) [second, best, token] = [best, noisy, j]
      else if (noisy > second) second = noisy
    })
    if (best - second > 1e-4) assert.equal(got[i].token, token, `row ${i}`)
    chosen.add(`${i % 4}:${token}`)
    assert.ok(Math.abs(got[i].best - logP(row, got[i].token)) < 1e-5)
  })
  assert.ok(chosen.size > 20, `${chosen.size} different draws`)
  m.gpu.close()
})
