// The kernel cases in WebAssembly, with and without relaxed SIMD, as ./dev test runs them.
// Each module runs in a node of its own (run_kernel.mjs), cut off after two minutes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'

const root = path.join(import.meta.dirname, '../..')
for (const [module, best] of [
  ['test_kernel', /best: relaxed/],
  ['test_kernel_base', /best: simd128/],
]) {
  test(`kernels in ${module}.wasm`, () => {
    const args = [
      path.join(root, 'tests/wasm/run_kernel.mjs'),
      path.join(root, `build/wasm/${module}.wasm`),
    ]
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 })
    assert.match(run.stdout, / 0 failed\n$/, run.stdout + run.stderr)
    assert.match(run.stdout, best)
    assert.equal(run.status, 0)
  })
}
