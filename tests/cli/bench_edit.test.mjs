// The edit benchmark runs without its peers and reports what its readers rely on.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

test('two captions, natively, without peers', () => {
  const args = [
    'bench/edit/run.mjs',
    '--json',
    '--peer',
    'none',
    '--backend',
    'native',
    '--threads',
    '1',
    '--repeats',
    '1',
    '--captions',
    '2',
  ]
  const report = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  const own = report.nearfield.native1
  for (const key of [
    'p50_ms',
    'p95_ms',
    'first_token_ms',
    'tokens_per_edit',
    'passes_per_edit',
    'accepted_share',
    'decode_tok_s',
    'rows32_tok_s',
    'rows128_tok_s',
    'load_ms',
    'process_peak_bytes',
  ])
    assert.equal(typeof own[key], 'number', key)
  assert.ok(own.passes_per_edit < own.tokens_per_edit, 'fewer passes than tokens')
  assert.equal(report.prompt.equal, true)
  assert.ok(report.roofline.threads1.passes.decode.bound_tok_s > 0)
})
