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
  writeFileSync(
    `${root}/main.js`,
    "import * as sdk from 'nearfield'\nimport * as web from 'nearfield/web'\nObject.assign(window, { sdk, web })\n",
  )
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

test('the build holds one worker, both engines and the router as files', () => {
  const files = readdirSync(`${root}/dist/assets`)
  assert.equal(files.filter((name) => name.endsWith('.wasm')).length, 3, files.join(' '))
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
  // the module of chat is found where the bundler put it; nearfield/web has the same Nearfield
  const seen = await page.evaluate(async () => {
    const messages = [{ role: 'user', content: 'Hello' }]
    const { choices } = await window.nf.chat.completions.create({ messages, max_tokens: 3 })
    const session = await window.web.LanguageModel.create({ nearfield: window.nf })
    const answer = await session.prompt('Hello', { maxTokens: 3 })
    const error = await window.nf.chat.completions.create({ messages: [] }).catch((e) => e)
    const typed = error instanceof window.sdk.NearfieldError
    return { content: choices[0].message.content, answer, typed }
  })
  assert.ok(seen.content && seen.answer && seen.typed, JSON.stringify(seen))
  assert.ok(status.threads >= 2, `${status.threads} threads`)
  assert.deepEqual(problems, [])
})
