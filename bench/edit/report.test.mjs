// The arithmetic of the report, on rows made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { promptCheck, quantile, ratios } from './page/report.mjs'
import { bound, need } from './page/roofline_table.mjs'

test('numbers are made from rows', () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
  const rows = (prompt_tokens) => [{ id: 7, prompt_tokens }]
  assert.equal(
    promptCheck([
      { key: 'a', rows: rows(9) },
      { key: 'b', rows: rows(9) },
    ]).equal,
    true,
  )
  assert.deepEqual(
    promptCheck([
      { key: 'a', rows: rows(9) },
      { key: 'b', rows: rows(10) },
    ]).differing,
    ['caption 7: 9 (a) against 10 (b)'],
  )
  const one = (p50_ms) => ({ wasm1: { p50_ms, p95_ms: p50_ms, decode_tok_s: 1, rows32_tok_s: 1 } })
  assert.deepEqual(
    ratios({ nearfield: one(10), wllama: one(80), transformersjs: one(40) }, ['wasm1']).wasm1,
    { best_peer: 'transformersjs', p50: 0.25, p95: 0.25, decode: 1, rows32: 1 },
  )
  assert.equal(bound(need(1, 1, 100), { read_gb_s: 40, gmac_s: 400 }).limit, 'reading')
  assert.equal(bound(need(32, 1, 100), { read_gb_s: 40, gmac_s: 400 }).limit, 'multiplying')
})
