// The real model on the GPU, through the C API, on Dawn: it loads within 64 MiB of host memory and
// answers. Its rows beside the oracle's and the int8 kernels' are tests/browser/sdk/parity.test.mjs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { GPU, openSides, S } from './sides.mjs'

const HOST_BYTES_MAX = 64 * 2 ** 20

test('it loads within 64 MiB of host memory and answers', async () => {
  const s = await openSides()
  const model = readFileSync(process.env.NEARFIELD_MODEL)
  assert.equal(await s.load(GPU, model, { ctx: 512, chunk: 1 << 23 }), S.ok, s.line)
  assert.equal(s.e.session_open(GPU), S.ok, s.line)
  const { text, status } = await s.generate(GPU, 'The capital of France is', 2)
  assert.equal(status, S.ok, s.line)
  assert.equal(text, ' Paris.')
  assert.ok(s.memory.buffer.byteLength <= HOST_BYTES_MAX, `${s.memory.buffer.byteLength} bytes`)
  s.e.side_close(GPU)
  s.gpu.close()
})
