// The edit benchmark runs without its peers and reports what its readers rely on.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { promptCheck, quantile, ratios } from '../../bench/edit/page/report.mjs'
import { bound, need } from '../../bench/edit/page/roofline_table.mjs'

test('two captions, natively, without peers', () => {
  const args = ['bench/edit/run.mjs', '--json', '--peer', 'none', '--backend', 'native', '--threads', '1', '--repeats', '1', '--captions', '2']
  const report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  const own = report.nearfield.native1
  for (const key of ['p50_ms', 'p95_ms', 'first_token_ms', 'tokens_per_edit', 'passes_per_edit', 'accepted_share', 'decode_tok_s',
    'rows32_tok_s', 'rows128_tok_s', 'load_ms', 'process_peak_bytes']) assert.equal(typeof own[key], 'number', key)
  assert.ok(own.passes_per_edit < own.tokens_per_edit, 'fewer passes than tokens')
  assert.equal(report.prompt.equal, true)
  assert.ok(report.roofline.threads1.passes.decode.bound_tok_s > 0)
})

test('numbers are made from rows', () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
  const rows = (prompt_tokens) => [{ id: 7, prompt_tokens }]
  assert.equal(promptCheck([{ key: 'a', rows: rows(9) }, { key: 'b', rows: rows(9) }]).equal, true)
  assert.deepEqual(promptCheck([{ key: 'a', rows: rows(9) }, { key: 'b', rows: rows(10) }]).differing, ['caption 7: 9 (a) against 10 (b)'])
  const one = (p50_ms) => ({ wasm1: { p50_ms, p95_ms: p50_ms, decode_tok_s: 1, rows32_tok_s: 1 } })
  assert.deepEqual(ratios({ nearfield: one(10), wllama: one(80), transformersjs: one(40) }, ['wasm1']).wasm1,
    { best_peer: 'transformersjs', p50: 0.25, p95: 0.25, decode: 1, rows32: 1 })
  assert.equal(bound(need(1, 1, 100), { read_gb_s: 10, gmac_s: 400 }).limit, 'reading')
  assert.equal(bound(need(32, 1, 100), { read_gb_s: 10, gmac_s: 400 }).limit, 'multiplying')
})
