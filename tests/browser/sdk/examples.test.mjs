// examples/ built with plain Vite by their own configuration, type-checked, and used as a person would, over the real model.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'vite'
import { launch } from '../chromium.mjs'
import { serve } from '../serve.mjs'
import { modelRequests } from './page.mjs'

const root = path.join(import.meta.dirname, '../../../examples')
const outDir = path.join(root, '../build/examples')
const TIMEOUT = { timeout: 240_000 }

let browser
let server
let context
before(async () => {
  await build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true } })
  server = await serve({ isolated: true, roots: { '/': outDir } })
  browser = await launch()
  context = await browser.newContext() // one profile: the model is fetched once for all three
})
after(async () => {
  await context?.close()
  await browser?.close()
  await server?.close()
})

async function open(name) {
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${server.origin}/${name}/index.html`)
  return { page, problems }
}

test('the examples type-check', () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  execFileSync(process.execPath, [tsc.replace('package.json', 'bin/tsc'), '-p', root])
})

test('ten lines in a page fix a text', TIMEOUT, async () => {
  const { page, problems } = await open('page')
  await page.click('#fix:not([disabled])', { timeout: 120_000 })
  await page.waitForFunction(() => /ms, here$/.test(document.querySelector('#receipt').textContent))
  assert.equal(await page.inputValue('#text'), 'She went to the library.')
  assert.deepEqual(problems, [])
  await page.close()
})

test('the React component does, in StrictMode', TIMEOUT, async () => {
  const { page, problems } = await open('react')
  await page.click('button:not([disabled])', { timeout: 120_000 })
  await page.waitForFunction(() => document.querySelector('output').textContent === 'changed')
  assert.equal(await page.inputValue('input'), 'She went to the library.')
  assert.deepEqual(problems, [])
  await page.close()
})

test('streamText of the AI SDK writes', TIMEOUT, async () => {
  const { page, problems } = await open('ai-sdk')
  await page.click('#ask')
  await page.waitForFunction(() => document.querySelector('#answer').dataset.tokens, null, {
    timeout: 120_000,
  })
  const { text, tokens } = await page.$eval('#answer', ({ textContent, dataset }) => ({
    text: textContent,
    tokens: Number(dataset.tokens),
  }))
  assert.ok(text.length > 10 && tokens > 3 && tokens <= 16, `${tokens} tokens: ${text}`)
  assert.deepEqual(problems, [])
  await page.close()
})

test('the model was fetched once', () => assert.equal(modelRequests(server).length, 1))
