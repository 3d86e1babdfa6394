// The package inside an app built with plain Vite, no plugin and no option: worker and module are
// found where the bundler put them, under the policy the product's server sends.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'vite'
import { launch } from '../chromium.mjs'
import { serve } from '../serve.mjs'
import { openModel } from './page.mjs'

// inside the tree, so that 'nearfield' resolves to the workspace
const root = path.join(import.meta.dirname, '../../../build/test-vite')
let browser
let server
let page
const problems = []

before(async () => {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })
  writeFileSync(
    `${root}/index.html`,
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>',
  )
  writeFileSync(`${root}/main.js`, "import * as sdk from 'nearfield'\nwindow.sdk = sdk\n")
  await build({ root, logLevel: 'error' })
  server = await serve({ isolated: true, roots: { '/': `${root}/dist` } })
  browser = await launch()
  page = await browser.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${server.origin}/index.html`)
  await page.waitForFunction(() => window.sdk !== undefined)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

test('the build holds one worker and both modules as files', () => {
  const files = readdirSync(`${root}/dist/assets`)
  assert.equal(files.filter((name) => name.endsWith('.wasm')).length, 2, files.join(' '))
  assert.equal(
    files.filter((name) => /^engine\.worker.*\.js$/.test(name)).length,
    1,
    files.join(' '),
  )
})

test('captions run', async () => {
  const measures = await page.evaluate(() =>
    window.sdk.captions.measure(['<i>two</i>\nlines'], 'srt'),
  )
  assert.deepEqual(measures, [{ chars: 8, lineCharsMax: 5, lines: 2 }])
})

test('a model opens with threads', { timeout: 120_000 }, async () => {
  const { status } = await openModel(page)
  assert.equal(status.state, 'ready')
  assert.ok(status.threads >= 2, `${status.threads} threads`)
  assert.deepEqual(problems, [])
})
