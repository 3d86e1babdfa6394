// The tarball without any bundler: dist/ as a folder of a static server, an import map and one
// <script type="module">, under the policy the product's server sends; without isolation too.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import path from 'node:path'
import { before, test } from 'node:test'
import { serve } from '../browser/serve.mjs'
import { freshFolder, installPackage } from './package.mjs'
import { FIXED, noProblems, openPage, pressFix } from './pages.mjs'

const TIMEOUT = { timeout: 300_000 }
const MAP = JSON.stringify({
  imports: { nearfield: '/nearfield/index.js', 'nearfield/web': '/nearfield/web.js' },
})
const SCRIPT = `
import { Nearfield } from 'nearfield'
import { Proofreader } from 'nearfield/web'

const [input, button, output] = ['input', 'button', 'output'].map((name) => document.querySelector(name))
const nearfield = await Nearfield.open({ model: '/models/smollm2-135m-instruct.q4_1/' })
button.disabled = false
button.onclick = async () => {
  const result = await nearfield.edit({ task: 'fix', text: input.value })
  input.value = result.text
  output.textContent = result.verdict
}
window.seen = { threads: nearfield.status.threads, proofreader: typeof Proofreader.create }
`
const PAGE = `<!doctype html>
<script type="importmap">${MAP}</script>
<input value="she go to the libary"><button type="button" disabled>Fix</button><output></output>
<script type="module" src="/main.js"></script>
`
let own

before(() => {
  ;({ own } = installPackage(freshFolder('bare'), { private: true, type: 'module' }))
})

for (const isolated of [true, false]) {
  test(`a bare page fixes a text, isolated: ${isolated}`, TIMEOUT, async () => {
    const hash = createHash('sha256').update(MAP).digest('base64')
    const server = await serve({
      isolated,
      roots: { '/nearfield/': path.join(own, 'dist') },
      pages: { '/': PAGE, '/main.js': SCRIPT, '/favicon.ico': '' },
      scripts: `'sha256-${hash}'`, // an import map is an inline script
    })
    const { browser, page, problems } = await openPage(server.origin)
    try {
      assert.deepEqual(await pressFix(page), FIXED)
      const { threads, proofreader } = await page.evaluate(() => window.seen)
      assert.equal(proofreader, 'function')
      assert.ok(isolated ? threads >= 2 : threads === 1, `${threads} threads`)
      noProblems(problems)
      const fetched = server.log.map((entry) => entry.path)
      const files = fetched.filter((name) => name.startsWith('/nearfield/')).sort()
      const once = ['engine.worker.js', 'index.js', 'nearfield.wasm', 'web.js']
      assert.deepEqual(
        [...new Set(files)],
        once.map((name) => `/nearfield/${name}`),
      )
    } finally {
      await browser.close()
      await server.close()
    }
  })
}
