// Is the model on Chromium's GPU (SwiftShader) the model? The page of bench/edit/page/parity.html, as
// device/pack.sh bundles it for a real GPU, on the real model and the shortest golden prompt with
// its answer: a row takes SwiftShader a second. All prompts and 5,250 captions: bench/edit/device.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { rolldown } from 'rolldown'
import { launch } from '../chromium.mjs'
import { modelPath, serve } from '../serve.mjs'

const AGREE_MIN = 0.99 // here: every row; of 1,136 rows of edits: test_agreement.c
const root = path.join(import.meta.dirname, '../../..')
const files = {
  'parity.html': 'bench/edit/page/parity.html',
  'parity/test_gpu_model.wasm': 'build/wasm/test_gpu_model.wasm',
  'parity/edit_lines.txt': 'tests/data/edit_lines.txt',
  'parity/golden_smollm2.json': 'tests/data/golden_smollm2.json',
  'model/model.gguf': modelPath,
}

/** The page's site in a folder of its own. */
async function siteMake() {
  const site = mkdtempSync(path.join(os.tmpdir(), 'nearfield-parity-'))
  for (const [name, file] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(site, name)), { recursive: true })
    symlinkSync(path.resolve(root, file), path.join(site, name))
  }
  const input = path.join(root, 'bench/edit/page/parity.mjs')
  const bundle = await rolldown({ input, platform: 'browser' })
  await bundle.write({ file: path.join(site, 'parity.js'), format: 'es', codeSplitting: false })
  return site
}

test("greedy tokens of a golden prompt are the oracle's, top-1 that of the int8 kernels", {
  timeout: 600_000,
}, async () => {
  const site = await siteMake()
  const server = await serve({ roots: { '/': site }, pages: { '/favicon.ico': '' } })
  const browser = await launch({
    args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  })
  try {
    const page = await browser.newPage()
    await page.goto(`${server.origin}/parity.html?prompts=one&captions=0`)
    await page.waitForFunction(() => window.run !== undefined)
    const start = Date.now()
    const { gpu, golden, int8 } = await page.evaluate(() => window.run())
    const line = `${int8.same} of ${int8.rows} rows, ${golden.other} of ${golden.tokens} tokens other`
    console.log(`# ${gpu.architecture}: ${line}, ${((Date.now() - start) / 1000).toFixed(0)} s`)
    assert.match(gpu.architecture, /swiftshader/)
    assert.equal(golden.tokens, 24)
    assert.deepEqual(golden.wrong, [])
    assert.equal(int8.rows, 24)
    assert.ok(int8.same >= AGREE_MIN * int8.rows, line)
  } finally {
    await browser.close()
    await server.close()
    rmSync(site, { recursive: true })
  }
})
