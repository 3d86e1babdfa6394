// What the SDK's browser tests share: a served page with the built SDK on `window.sdk`.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { manifestOf, serve } from '../serve.mjs'

const dist = path.join(import.meta.dirname, '../../../sdk/dist')
export const model = () => `/models/${manifestOf().name}/`

// A folder whose file is what its manifest says, and no model.
const noModel = Buffer.from('this is not a GGUF file, only bytes with the right hash')
const noModelHash = createHash('sha256').update(noModel).digest('hex')
const manifest = {
  name: 'none',
  file: 'none.gguf',
  bytes: noModel.length,
  sha256: noModelHash,
  chunk_bytes: 8 << 20,
  chunks: [noModelHash],
}
const huge = 3 * 2 ** 30

const pages = {
  '/models/no-model/manifest.json': JSON.stringify(manifest),
  '/models/no-model/none.gguf': noModel,
  '/models/too-large/manifest.json': JSON.stringify({
    ...manifest,
    bytes: huge,
    chunk_bytes: huge,
  }),
  '/': '<!doctype html><meta charset="utf-8"><title>sdk</title><script type="module" src="/test.js"></script>',
  '/favicon.ico': '',
  '/test.js': "import * as sdk from '/sdk/index.js'\nwindow.sdk = sdk\n",
}

/** pages: of the server, by path; what a test puts there goes before the SDK's own files. */
export async function serveSdk(isolated, handlers = {}) {
  const own = { ...pages }
  const served = await serve({ isolated, roots: { '/sdk/': dist }, pages: own, handlers })
  return { ...served, pages: own }
}
export const workerScript = () => readFileSync(path.join(dist, 'engine.worker.js'))

/** A fresh profile (own storage) with the page open; problems: what the page complained of. */
export async function openPage(browser, server) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await load(page, server)
  return { context, page, problems }
}

export async function load(page, server) {
  await page.goto(server.origin)
  await page.waitForFunction(() => window.sdk !== undefined)
}

/** Opens the model on the page as window.nf; answers status, progress and milliseconds. */
export function openModel(page, options = {}) {
  return page.evaluate(
    async ([url, given]) => {
      const progress = []
      const start = performance.now()
      window.nf = await window.sdk.Nearfield.open({
        model: url,
        ...given,
        onProgress: (p) => progress.push(p),
      })
      return { status: window.nf.status, progress, ms: performance.now() - start }
    },
    [model(), options],
  )
}

export const modelRequests = (server) => server.log.filter((entry) => entry.path.endsWith('.gguf'))
