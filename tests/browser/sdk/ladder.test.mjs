// Browsers that lack something, and pages that may not do something: each ends on the next rung of
// the ladder, or in one clear line; nothing hangs, the tab lives, and a report can be made.
// The GPU's rungs are gpu.test.mjs's and losses.test.mjs's, the real model's model.test.mjs's.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch } from '../chromium.mjs'
import { openPage, serveSdk, workerScript } from './page.mjs'
import { TINY, tinyPages } from './tiny.mjs'

const TIMEOUT = { timeout: 120_000 }
const TEXT = 'it is'
const worker = workerScript()
const tiny = tinyPages()

let browser
before(async () => {
  browser = await launch()
})
after(() => browser?.close())

/** A server of its own for act({ server, open, edit, page }); hook: runs in the worker first. */
async function withPage({ isolated = true, headers = {}, hook = null }, act) {
  const server = await serveSdk(isolated)
  Object.assign(server.pages, tiny)
  Object.assign(server.headers, headers)
  if (hook) {
    server.pages['/sdk/engine.worker.js'] = Buffer.concat([Buffer.from(`(${hook})()\n`), worker])
  }
  const { context, page } = await openPage(browser, server)
  try {
    await act({ server, page, open: () => openIn(page), edit: () => editIn(page) })
  } finally {
    await context.close()
    await server.close()
  }
}

/** In a page or frame: the status, or how opening failed; 'hangs' after 30 s. */
const openIn = (frame) =>
  frame.evaluate(async (model) => {
    const late = new Promise((resolve) => setTimeout(resolve, 30_000, 'hangs'))
    const opening = window.sdk.Nearfield.open({ model }).then(
      (nf) => {
        window.nf = nf
        return nf.status
      },
      ({ name, code, message }) => ({ name, code, message }),
    )
    return Promise.race([opening, late])
  }, TINY)
const editIn = (frame) => frame.evaluate((text) => window.nf.edit({ task: 'fix', text }), TEXT)
const reportIn = (frame) => frame.evaluate(() => (window.nf ?? window.sdk.Nearfield).report())

function assertOneLine(failed, code, line) {
  assert.equal(failed.name, 'NearfieldError', JSON.stringify(failed))
  assert.equal(failed.code, code)
  assert.match(failed.message, line)
  assert.doesNotMatch(failed.message, /\n/)
}

const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; object-src 'none'"
const policy = (value) => ({ 'Content-Security-Policy': value })

describe('policies', TIMEOUT, () => {
  test("no 'wasm-unsafe-eval': 'unsupported', and the report says so", () =>
    withPage({ headers: policy("default-src 'self'") }, async ({ open, page }) => {
      assertOneLine(await open(), 'unsupported', /does not run in this browser: CompileError/)
      const report = await reportIn(page)
      assert.match(report, /^- compiles: no: CompileError/m)
      assert.match(report, /open: unsupported: nearfield\.wasm does not run/)
    }))

  test('no worker-src: scripts of the same origin may be workers', () =>
    withPage({ headers: policy(POLICY) }, async ({ open, edit }) => {
      assert.equal((await open()).state, 'ready')
      assert.equal((await edit()).receipt.backend, 'wasm')
    }))

  test('no workers at all', () =>
    withPage({ headers: policy(`${POLICY}; worker-src 'none'`) }, async ({ open, page }) => {
      assertOneLine(await open(), 'lost', /its script could not be loaded/)
      assert.match(await reportIn(page), /open: lost: the engine's worker ended/)
    }))

  test('a list of Trusted Types policies without ours', () =>
    withPage(
      { headers: policy(`${POLICY}; trusted-types none; require-trusted-types-for 'script'`) },
      async ({ open }) => assertOneLine(await open(), 'unsupported', /may start no worker/),
    ))

  test('nothing may be fetched', () =>
    withPage(
      { headers: policy(POLICY.replace("connect-src 'self'", "connect-src 'none'")) },
      async ({ open }) => {
        assertOneLine(await open(), 'network', /manifest\.json could not be fetched/)
      },
    ))
})

describe('memory', TIMEOUT, () => {
  test('shared memory is refused: one thread, which edits', () => {
    const hook = () => {
      WebAssembly.Memory = class extends WebAssembly.Memory {
        constructor(asked) {
          if (asked.shared) throw new RangeError('could not allocate memory')
          super(asked)
        }
      }
    }
    return withPage({ hook }, async ({ open, edit, page }) => {
      const { state, threads, isolated } = await open()
      assert.deepEqual({ state, threads, isolated }, { state: 'ready', threads: 1, isolated: true })
      assert.equal((await edit()).receipt.backend, 'wasm')
      assert.match(await reportIn(page), /^- threads: 1, isolated$/m)
    })
  })

  test('every memory is refused', () => {
    const hook = () => {
      WebAssembly.Memory = class {
        constructor() {
          throw new RangeError('could not allocate memory')
        }
      }
    }
    return withPage({ hook }, async ({ open, page }) => {
      assertOneLine(await open(), 'no_memory', /^this device has no room for \d+ bytes$/)
      assert.match(await reportIn(page), /open: no_memory: this device has no room/)
    })
  })

  test('memory that may not grow: captions still work', () => {
    const hook = () => {
      WebAssembly.Memory = class extends WebAssembly.Memory {
        constructor(asked) {
          super({ ...asked, maximum: asked.initial + 4 })
        }
      }
    }
    return withPage({ hook }, async ({ open, page }) => {
      assertOneLine(await open(), 'no_memory', /^no memory for .+, \d+ bytes$/)
      const measured = await page.evaluate(() => window.sdk.captions.measure(['two\nlines'], 'srt'))
      assert.equal(measured[0].chars, 8)
    })
  })
})

describe('storage', TIMEOUT, () => {
  const hooks = {
    'the private file system is closed, as in private windows': () => {
      StorageManager.prototype.getDirectory = () =>
        Promise.reject(new DOMException('not in this window', 'SecurityError'))
    },
    'files cannot be opened for writing': () => {
      FileSystemFileHandle.prototype.createSyncAccessHandle = () =>
        Promise.reject(new DOMException('busy', 'NoModificationAllowedError'))
    },
    'there is neither storage nor locks': () => {
      for (const name of ['storage', 'locks'])
        Object.defineProperty(WorkerNavigator.prototype, name, { value: undefined })
    },
  }
  for (const [what, hook] of Object.entries(hooks)) {
    test(`${what}: works from memory and says so`, () =>
      withPage({ hook }, async ({ open, edit, server }) => {
        for (let i = 0; i < 2; i++) {
          const { state, cached } = await open()
          assert.deepEqual({ state, cached }, { state: 'ready', cached: false })
          assert.equal((await edit()).receipt.backend, 'wasm')
        }
        assert.equal(server.log.filter(({ path }) => path === `${TINY}tiny.gguf`).length, 2)
      }))
  }
})

describe('frames', TIMEOUT, () => {
  /** A page of another site ('localhost' is not '127.0.0.1') with the SDK's page in a frame. */
  async function withFrame(sandbox, act) {
    const headers = {
      'Access-Control-Allow-Origin': '*', // a module for the origin 'null'
      'Cross-Origin-Resource-Policy': 'cross-origin',
    }
    await withPage({ isolated: false, headers }, async ({ server, page }) => {
      const outer = await serveSdk(false)
      outer.headers['Content-Security-Policy'] = 'frame-src http:'
      outer.pages['/'] =
        `<!doctype html><title>other</title><iframe ${sandbox} src="${server.origin}/"></iframe>`
      try {
        await page.goto(outer.origin.replace('127.0.0.1', 'localhost'))
        const frame = page.frames().find((one) => one !== page.mainFrame())
        await frame.waitForFunction(() => window.sdk !== undefined)
        await act({ server, page, frame })
      } finally {
        await outer.close()
      }
    })
  }

  test('of another site: one thread, and as much storage as the browser gives it', () =>
    withFrame('', async ({ server, page, frame }) => {
      const { state, threads, isolated, cached } = await openIn(frame)
      assert.deepEqual(
        { state, threads, isolated },
        { state: 'ready', threads: 1, isolated: false },
      )
      assert.equal((await editIn(frame)).receipt.backend, 'wasm')
      const report = await reportIn(frame)
      assert.match(report, /^- in a frame: yes$/m)
      assert.equal(cached, /^- private file system: yes$/m.test(report), report)
      await page.goto(server.origin) // what the frame kept, it kept for itself
      await page.waitForFunction(() => window.sdk !== undefined)
      const availability = (model) => window.sdk.Nearfield.availability({ model })
      assert.equal(await page.evaluate(availability, TINY), 'downloadable')
    }))

  test('sandboxed, without an origin: one line', () =>
    withFrame('sandbox="allow-scripts"', async ({ frame }) => {
      assertOneLine(await openIn(frame), 'unsupported', /^this page may start no worker: Security/)
      const report = await reportIn(frame)
      assert.match(report, /^- private file system: failed: SecurityError/m)
      assert.match(report, /open: unsupported: this page may start no worker/)
    }))
})
