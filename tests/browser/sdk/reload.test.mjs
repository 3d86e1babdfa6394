// What survives a reload, a hidden page and a machine without memory, in Chromium over the real
// model on the CPU: prefixes and adapters from storage, a machine that slept, timers that do not
// fire, refused memory. The model's own file in storage is model.test.mjs's.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { loraFile } from '../../../sdk/src/testing/lora.ts'
import { launch } from '../chromium.mjs'
import { load, model, modelRequests, openModel, openPage, serveSdk, workerScript } from './page.mjs'

const TEXT = 'i has two cats and they is cute'
const STILL_MS = 2000
const TIMEOUT = { timeout: 120_000 }

let browser
before(async () => {
  browser = await launch()
})
after(() => browser?.close())

const edit = (page, text = TEXT, adapter) =>
  page.evaluate((r) => window.nf.edit(r), { task: 'fix', text, ...(adapter && { adapter }) })
const openAdapter = (page) => page.evaluate(() => window.nf.adapter('/models/fix.gguf'))
/** All of a result but times and what a cache saves. */
function answer({ receipt, ...result }) {
  const { inputTokens, outputTokens, drafted, accepted, forced } = receipt
  return { ...result, inputTokens, outputTokens, drafted, accepted, forced }
}

/** Files of a folder of the SDK's storage: names and lengths. */
const stored = (page, folder) =>
  page.evaluate(async (name) => {
    const files = {}
    try {
      const root = await navigator.storage.getDirectory()
      const at = await (await root.getDirectoryHandle('nearfield')).getDirectoryHandle(name)
      for await (const file of at.values()) files[file.name] = (await file.getFile()).size
    } catch {
      // no such folder yet
    }
    return files
  }, folder)

async function until(what, holds) {
  for (let tries = 0; tries < 100; tries++) {
    if (await holds()) return
    await new Promise((done) => setTimeout(done, 100))
  }
  assert.fail(`not within 10 s: ${what}`)
}

describe('a reload', TIMEOUT, () => {
  let server
  let context
  let page
  let problems
  let plain
  let tuned
  before(async () => {
    server = await serveSdk(true)
    server.pages['/models/fix.gguf'] = loraFile({
      'general.name': 'small',
      'nearfield.task': 'fix',
      'nearfield.system': 'Mend the caption.',
    })
    ;({ context, page, problems } = await openPage(browser, server))
    await openModel(page)
    plain = await edit(page)
    tuned = await edit(page, TEXT, await openAdapter(page))
    await until('two prefixes', async () => {
      return Object.values(await stored(page, 'prefixes')).filter((n) => n > 1000).length === 2
    })
    await until('the adapter', async () => Object.keys(await stored(page, 'adapters')).length > 0)
  })
  after(async () => {
    await context?.close()
    await server?.close()
  })

  test('the first edit finds its prefix, with and without an adapter, and answers the same', async () => {
    assert.equal(plain.receipt.cachedTokens, 0)
    assert.equal(tuned.receipt.cachedTokens, 0)
    await load(page, server)
    await openModel(page)
    const again = await edit(page)
    assert.ok(again.receipt.cachedTokens > again.receipt.inputTokens / 2)
    assert.deepEqual(answer(again), answer(plain))
    const tunedAgain = await edit(page, TEXT, await openAdapter(page))
    assert.ok(tunedAgain.receipt.cachedTokens > 0)
    assert.deepEqual(answer(tunedAgain), answer(tuned))
    const ms = [plain, again].map(({ receipt }) => receipt.totalMs.toFixed(0))
    console.log(`# first edit: ${ms[0]} ms, after a reload ${ms[1]} ms`)
  })

  test('without the server: model, adapter and prefix are there', async () => {
    const complaints = problems.length
    await load(page, server)
    server.faults.models = false
    await openModel(page)
    const adapter = await openAdapter(page)
    assert.equal(adapter.name, 'small')
    assert.deepEqual(answer(await edit(page, TEXT, adapter)), answer(tuned))
    server.faults.models = true
    problems.length = complaints // the browser reports what was refused
  })

  test('no room for them: every edit answers the same', async () => {
    await page.evaluate(async () => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('nearfield')
      for (const name of ['prefixes', 'adapters']) await root.removeEntry(name, { recursive: true })
    })
    await load(page, server)
    const session = await context.newCDPSession(page)
    const quota = (quotaSize) =>
      session.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize })
    await quota(1_000_000) // less than lies there already
    await openModel(page)
    const adapter = await openAdapter(page)
    assert.deepEqual(answer(await edit(page)), answer(plain))
    assert.deepEqual(answer(await edit(page, TEXT, adapter)), answer(tuned))
    await edit(page, 'it were late') // the idle work of the two before it is done
    assert.deepEqual(await stored(page, 'prefixes'), {})
    await quota(undefined)
  })

  test('the page complained of nothing', () => assert.deepEqual(problems, []))
})

const LATER = 'they was late and there bus were gone'

/** In the page: one edit runs, another waits; window.both: what becomes of them. The limit is one
 * that nobody meets, so that no remembered answer is given. */
function editBoth(texts) {
  window.both = Promise.all(
    texts.map((text) => window.nf.edit({ task: 'fix', text, maxChars: 1000 })),
  )
  window.both.catch(() => {}) // told to whoever asks
}

test(
  'every thread stands still in an edit, another one waiting: both are right afterwards',
  TIMEOUT,
  async () => {
    const server = await serveSdk(true)
    const { context, page, problems } = await openPage(browser, server)
    try {
      await openModel(page)
      const alone = [answer(await edit(page)), answer(await edit(page, LATER))]
      const session = await browser.newBrowserCDPSession()
      const { processInfo } = await session.send('SystemInfo.getProcessInfo')
      const ours = processInfo.filter(({ type }) => type === 'renderer')
      await page.evaluate(editBoth, [TEXT, LATER])
      for (const { id } of ours) process.kill(id, 'SIGSTOP') // as a machine does that goes to sleep
      await new Promise((done) => setTimeout(done, STILL_MS))
      for (const { id } of ours) process.kill(id, 'SIGCONT')
      const results = await page.evaluate(() => window.both)
      const tookMs = Math.max(...results.map(({ receipt }) => receipt.queueMs + receipt.totalMs))
      assert.ok(tookMs > STILL_MS / 2, `${tookMs} ms: it was over before`)
      assert.deepEqual(results.map(answer), alone)
      assert.deepEqual(answer(await edit(page)), alone[0])
      assert.deepEqual(problems, [])
    } finally {
      await context.close()
      await server.close()
    }
  },
)

test(
  'no timer fires, as on a page hidden for minutes: open, edit and queue go on',
  TIMEOUT,
  async () => {
    const server = await serveSdk(true)
    const stop = 'self.setTimeout = self.setInterval = () => 0;\n'
    server.pages['/sdk/engine.worker.js'] = Buffer.concat([Buffer.from(stop), workerScript()])
    const { context, page, problems } = await openPage(browser, server)
    try {
      await page.evaluate(stop)
      await openModel(page)
      await page.evaluate(editBoth, [TEXT, LATER])
      const results = await page.evaluate(() => window.both)
      assert.ok(results[1].receipt.queueMs > results[0].receipt.queueMs)
      assert.deepEqual(answer(await edit(page)), answer(results[0]))
      assert.deepEqual(answer(await edit(page, LATER)), answer(results[1]))
      assert.deepEqual(problems, [])
    } finally {
      await context.close()
      await server.close()
    }
  },
)

test(
  'memory refused: one line that says so; with memory again all is well, in the same tab',
  TIMEOUT,
  async () => {
    const server = await serveSdk(true)
    const { context, page, problems } = await openPage(browser, server)
    /** Before the worker's own script: no memory over so many bytes; 0: none at all. */
    const allow = (bytes) => {
      const hook = `const { Memory } = WebAssembly
      WebAssembly.Memory = function (wish) {
        if (${bytes} === 0) throw new RangeError('could not allocate memory')
        return new Memory({ ...wish, maximum: Math.max(wish.initial, ${bytes} / 65536) })
      };\n`
      server.pages['/sdk/engine.worker.js'] = Buffer.concat([Buffer.from(hook), workerScript()])
    }
    try {
      for (const [megabytes, line] of [
        [0, /^this device has no room for \d+ bytes$/],
        [64, /^no memory for a model file of \d+ bytes$/],
        [112, /^no memory for a session of \d+ bytes/],
      ]) {
        allow(megabytes * 2 ** 20)
        const { code, message } = await page.evaluate(
          (url) =>
            window.sdk.Nearfield.open({ model: url }).catch(({ code, message }) => ({
              code,
              message,
            })),
          model(),
        )
        assert.equal(code, 'no_memory')
        assert.match(message, line)
      }
      // refused when the first chunk was there, and nothing later
      const [{ sent }] = modelRequests(server)
      assert.ok(sent < 64 << 20, `${sent} bytes`)
      // room for a session of half the context
      allow(164 * 2 ** 20)
      await openModel(page)
      const countTokens = () =>
        page.evaluate(async () => {
          const { context } = await window.nf.countTokens([{ role: 'user', content: 'a' }])
          window.nf.close()
          return context
        })
      assert.ok((await edit(page)).receipt.passes >= 1)
      assert.equal(await countTokens(), 512)
      delete server.pages['/sdk/engine.worker.js']
      await openModel(page)
      assert.equal(await countTokens(), 1024)
      assert.equal((await openModel(page)).status.state, 'ready')
      assert.ok((await edit(page)).receipt.passes >= 1)
      assert.deepEqual(problems, [])
    } finally {
      await context.close()
      await server.close()
    }
  },
)
