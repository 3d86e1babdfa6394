// The tarball in a fresh Vite app, no plugin and no option: it builds with every entry, worker and
// module are found where the bundler put them, and the React component of examples/ fixes a text
// under the policy the product's server sends.
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'vite'
import { serve } from '../browser/serve.mjs'
import { freshFolder, installPackage, repository } from './package.mjs'
import { FIXED, noProblems, openPage, pressFix } from './pages.mjs'

const TIMEOUT = { timeout: 300_000 }
const MAIN = `
import * as sdk from 'nearfield'
import * as ai from 'nearfield/ai-sdk'
import { installed } from 'nearfield/polyfill'
import * as react from 'nearfield/react'
import * as web from 'nearfield/web'
import './main.tsx'
Object.assign(window, { sdk, web, others: [ai, react, installed] })
`
let root
let server
let opened

before(() => {
  root = freshFolder('vite')
  installPackage(root, { private: true, type: 'module' })
})
after(async () => {
  await opened?.browser.close()
  await server?.close()
})

/** What the app of this script is built into. */
async function built(script) {
  writeFileSync(`${root}/main.js`, script)
  const { output } = await build({ root, logLevel: 'error' })
  return output.map((chunk) => chunk.code ?? '').join('\n')
}

test('what is not used is shaken away, the polyfill is not', TIMEOUT, async () => {
  writeFileSync(`${root}/index.html`, '<script type="module" src="/main.js"></script>')
  assert.ok((await built("import 'nearfield/polyfill'\n")).includes('contextoverflow'))
  assert.ok(!(await built("import 'nearfield/web'\n")).includes('contextoverflow'))
})

test('every entry builds: one worker, one module and the router as files', TIMEOUT, async () => {
  writeFileSync(
    `${root}/index.html`,
    '<!doctype html><div id="root"></div>' + '<script type="module" src="/main.js"></script>',
  )
  copyFileSync(path.join(repository, 'examples/react/main.tsx'), `${root}/main.tsx`)
  const code = await built(MAIN)
  for (const word of ['contextoverflow', 'defineProperty', 'useSyncExternalStore', 'text-delta'])
    assert.ok(code.includes(word), word)
  const files = readdirSync(`${root}/dist/assets`)
  const count = (pattern) => files.filter((name) => pattern.test(name)).length
  assert.equal(count(/^nearfield-(?!route).*\.wasm$/), 1, files.join(' '))
  assert.equal(count(/^engine\.worker.*\.js$/), 1, files.join(' '))
  assert.equal(count(/node/), 0, files.join(' '))
})

test('the component fixes a text, on several threads', TIMEOUT, async () => {
  server = await serve({ roots: { '/': `${root}/dist` }, pages: { '/favicon.ico': '' } })
  opened = await openPage(`${server.origin}/index.html`)
  assert.deepEqual(await pressFix(opened.page), FIXED)
  noProblems(opened.problems)
})

test('captions, chat and nearfield/web run, of one Nearfield', TIMEOUT, async () => {
  const seen = await opened.page.evaluate(async () => {
    const { captions, Nearfield, NearfieldError } = window.sdk
    const measures = await captions.measure(['<i>two</i>\nlines'], 'srt')
    const nf = await Nearfield.open({ model: '/models/smollm2-135m-instruct.q4_1/' })
    const messages = [{ role: 'user', content: 'Hello' }]
    const { choices } = await nf.chat.completions.create({ messages, max_tokens: 3 })
    const session = await window.web.LanguageModel.create({ nearfield: nf })
    const answer = await session.prompt('Hello', { maxTokens: 3 })
    const error = await nf.chat.completions.create({ messages: [] }).catch((e) => e)
    const { threads } = nf.status
    nf.close()
    const written = Boolean(choices[0].message.content && answer)
    return { measures, written, threads, typed: error instanceof NearfieldError }
  })
  assert.deepEqual(seen.measures, [{ chars: 8, lineCharsMax: 5, lines: 2 }])
  assert.ok(seen.written && seen.typed, JSON.stringify(seen))
  assert.ok(seen.threads >= 2, `${seen.threads} threads`)
  noProblems(opened.problems)
})
