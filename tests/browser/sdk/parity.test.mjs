// Is the model on Chromium's GPU (SwiftShader) the model? The page of bench/edit/page/parity.html, as
// device/pack.sh bundles it for a real GPU, on the real model: the rows that decide the first tokens of
// every golden answer, and the tokens of some edited captions, beside the oracle and the CPU's int8
// kernels. A row takes SwiftShader 1.7 s of a core, kernel_ref 0.15: so what stands before those rows
// is kernel_ref's (of the prompt "one" nothing does). All rows, 5,250 captions: bench/edit/device.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { rolldown } from 'rolldown'
import { launch } from '../chromium.mjs'
import { modelPath, serve } from '../serve.mjs'

const TOKENS = 12
const CAPTIONS = 9
const AGREE_MIN = 0.99 // over 1,136 rows of edits 99.3 %: test_agreement.c
const root = path.join(import.meta.dirname, '../../..')
const files = {
  'parity.html': 'bench/edit/page/parity.html',
  'parity/test_gpu_model.wasm': 'build/wasm/test_gpu_model.wasm',
  'parity/agreement_smollm2.txt': 'tests/data/agreement_smollm2.txt',
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

test("tokens of all golden prompts and of edits are the oracle's, top-1 that of the int8 kernels", {
  timeout: 1_100_000,
}, async () => {
  const site = await siteMake()
  const server = await serve({ roots: { '/': site }, pages: { '/favicon.ico': '' } })
  const browser = await launch({
    args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  })
  try {
    const page = await browser.newPage()
    await page.goto(`${server.origin}/parity.html?decided=${CAPTIONS}&tokens=${TOKENS}&captions=0`)
    await page.waitForFunction(() => window.run !== undefined)
    const start = Date.now()
    const { gpu, ...report } = await page.evaluate(() => window.run())
    console.log(`# ${((Date.now() - start) / 1000).toFixed(0)} s: ${JSON.stringify(report)}`)
    assert.match(gpu.architecture, /swiftshader/)
    assert.equal(report.golden.texts, 9)
    assert.equal(report.golden.tokens, 9 * TOKENS)
    assert.equal(report.edits.texts, CAPTIONS)
    const int8 = { rows: 0, same: 0 }
    for (const kind of ['golden', 'edits']) {
      assert.deepEqual(report[kind].wrong, [], kind)
      assert.ok(report[kind].other <= 1, 'no more than one turns on a rounding')
      const { same, rows } = report[`${kind}_int8`]
      assert.ok(rows >= 100 && rows === report[kind].tokens)
      int8.rows += rows
      int8.same += same
    }
    assert.ok(int8.same >= AGREE_MIN * int8.rows, `${int8.same} of ${int8.rows} rows`)
  } finally {
    await browser.close()
    await server.close()
    rmSync(site, { recursive: true })
  }
})
