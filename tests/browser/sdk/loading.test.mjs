// A model on its way into one tab of Chromium, under faults: the tab killed, stored bytes that
// changed, storage that is full, older models in the way; and what the page is asked and asks for.
// Several tabs are tabs.test.mjs's. NEARFIELD_KILLS, NEARFIELD_FLIPS, NEARFIELD_FULL: how many points.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch } from '../chromium.mjs'
import {
  begin,
  clearStorage,
  marksOf,
  newFrame,
  newPage,
  openOnce,
  outcome,
  quotaOf,
  READY,
  TIMEOUT,
  untilKept,
} from './loading.mjs'
import { serveSdk, workerScript } from './page.mjs'
import { SmallModel } from './small_model.mjs'

const { NEARFIELD_KILLS = 50, NEARFIELD_FLIPS = 200, NEARFIELD_FULL = 10 } = process.env
/** Bits flipped before one opening; each in a chunk of its own. */
const FLIPS_AT_ONCE = 10

let browser
let server
let context
let page
before(async () => {
  browser = await launch()
  server = await serveSdk(false)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** Spread over 0..1, neighbours far apart. */
const spread = (i) => (i * 0.618034 + 0.1) % 1

async function inProfile(act) {
  context = await browser.newContext()
  try {
    page = await newPage(context, server)
    await act()
  } finally {
    await context.close()
  }
}
function serveModel(name, options) {
  const model = new SmallModel(name, options)
  model.serveFrom(server.pages)
  return model
}

/** Something to kill: a tab, or, which is quicker, a frame. */
async function newTab(whole) {
  if (whole) {
    const tab = await newPage(context, server)
    return { tab, kill: () => tab.close() }
  }
  const { frame, remove } = await newFrame(page)
  return { tab: frame, kill: remove }
}

test(
  `a tab killed at ${NEARFIELD_KILLS} points of a download: the next one goes on at the first chunk that is missing`,
  TIMEOUT,
  () =>
    inProfile(async () => {
      const model = serveModel('killed')
      const { chunkBytes } = model
      const { bytes } = model.manifest
      for (let i = 0; i < Number(NEARFIELD_KILLS); i++) {
        const { tab, kill } = await newTab(i % 5 === 0)
        await clearStorage(page)
        model.forget()
        const at = 1 + Math.floor(spread(i) * (bytes - 1))
        model.holdAt(at)
        await begin(tab, model)
        await model.until(() => model.sent === at)
        const whole = Math.floor(at / chunkBytes)
        const atOnce = i % 3 === 0 // whatever of it was stored, or else all that could be
        if (!atOnce) await untilKept(page, model, whole)
        await kill()
        await model.until(() => model.requests[0].closed)
        const kept = (await marksOf(page, model)).filter((mark) => mark === 1).length
        model.release()
        assert.deepEqual(await openOnce(page, model), READY, `killed at byte ${at}`)
        const [, resumed, ...more] = model.requests
        assert.deepEqual(more, [])
        assert.equal(resumed.from % chunkBytes, 0)
        assert.ok(resumed.from >= kept * chunkBytes && resumed.from <= at, `at ${resumed.from}`)
        assert.equal(resumed.end, bytes)
        if (!atOnce) assert.ok(model.sent - bytes < chunkBytes, `${model.sent} bytes sent`)
      }
    }),
)

/** Flips one bit at each place of the stored file; resolves to its SHA-256 before. */
const flip = (at, { manifest }) =>
  page.evaluate(
    async ([sha256, places]) => {
      let folder = await navigator.storage.getDirectory()
      for (const name of ['nearfield', 'models', sha256])
        folder = await folder.getDirectoryHandle(name)
      const file = await folder.getFileHandle('file')
      const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer())
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
      const writer = await file.createWritable({ keepExistingData: true })
      for (const { position, bit } of places)
        await writer.write({
          type: 'write',
          position,
          data: Uint8Array.of(bytes[position] ^ (1 << bit)),
        })
      await writer.close()
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
    },
    [manifest.sha256, at],
  )

test(
  `${NEARFIELD_FLIPS} flipped bits of the stored file: each is found, only its chunk is fetched`,
  TIMEOUT,
  () =>
    inProfile(async () => {
      const model = serveModel('flipped')
      const { chunks, bytes, sha256 } = model.manifest
      assert.deepEqual(await openOnce(page, model), READY)
      for (let n = 0; n < Number(NEARFIELD_FLIPS); n += FLIPS_AT_ONCE) {
        model.forget()
        const wanted = new Set()
        const places = []
        for (let i = n; wanted.size < FLIPS_AT_ONCE; i++) {
          const position = Math.floor(spread(i * 7) * bytes)
          const chunk = Math.floor(position / model.chunkBytes)
          if (wanted.has(chunk)) continue
          wanted.add(chunk)
          places.push({ position, bit: i % 8 })
        }
        // what the last opening left is the file
        assert.equal(await flip(places, model), sha256)
        assert.deepEqual(await openOnce(page, model), READY)
        assert.deepEqual(
          model.chunksSent,
          [...wanted].toSorted((a, b) => a - b),
        )
        assert.equal(Math.max(...model.counts), 1)
      }
      model.forget()
      assert.deepEqual(await openOnce(page, model), READY)
      assert.equal(model.sent, 0)
      assert.equal((await marksOf(page, model)).length, chunks.length)
    }),
)

/** What the worker is told of the quota from now on. */
function tellQuota(quota) {
  const hook = `const { estimate } = StorageManager.prototype
  StorageManager.prototype.estimate = async function () {
    return { ...(await estimate.call(this)), quota: ${quota} }
  };\n`
  server.pages['/sdk/engine.worker.js'] = Buffer.concat([Buffer.from(hook), workerScript()])
}

describe('storage that is full', TIMEOUT, () => {
  /** honest: the browser says so beforehand; as it is, Chromium tells of 10 GiB and a write fails. */
  for (const honest of [true, false]) {
    test(`${honest ? 'said beforehand' : 'found out by writing'}: works from memory, the space is given back`, () =>
      inProfile(async () => {
        const model = serveModel(`full-${honest}`)
        const setQuota = await quotaOf(context, page, server)
        for (let i = 0; i < Number(NEARFIELD_FULL) / 2; i++) {
          model.forget()
          const quota = Math.floor(spread(i) * model.manifest.bytes)
          await setQuota(quota)
          if (honest) tellQuota(quota)
          assert.deepEqual(await openOnce(page, model), { state: 'ready', cached: false })
          assert.equal(model.sent, model.manifest.bytes)
          assert.deepEqual(await marksOf(page, model), [])
        }
        delete server.pages['/sdk/engine.worker.js']
        await setQuota(undefined)
        assert.deepEqual(await openOnce(page, model), READY)
      }))
  }

  for (const honest of [true, false]) {
    test(`${honest ? 'said beforehand' : 'found out by writing'}: older models make room, the least recently used first, none that a tab uses`, () =>
      inProfile(async () => {
        const models = ['used', 'old', 'newer', 'wanted'].map((name, i) =>
          serveModel(`${name}-${honest}`, { tail: Buffer.alloc(256, i) }),
        )
        const [used, old, newer, wanted] = models
        const other = await newPage(context, server)
        await begin(other, used)
        assert.deepEqual(await outcome(other), READY)
        for (const model of [newer, old, newer])
          assert.deepEqual(await openOnce(page, model), READY)
        const { usage } = await page.evaluate(() => navigator.storage.estimate())
        await (await quotaOf(context, page, server))(usage + 10_000)
        if (honest) tellQuota(usage + 10_000)
        assert.deepEqual(await openOnce(page, wanted), READY)
        const stored = async () => {
          const marks = await Promise.all(models.map((model) => marksOf(page, model)))
          return models.filter((_, i) => marks[i].length > 0).map(({ manifest }) => manifest.name)
        }
        delete server.pages['/sdk/engine.worker.js']
        assert.deepEqual(
          await stored(),
          [used, newer, wanted].map(({ manifest }) => manifest.name),
        )
      }))
  }
})

describe('the page', TIMEOUT, () => {
  test('is asked before anything but the manifest is fetched; not when it is stored', () =>
    inProfile(async () => {
      const model = serveModel('asked')
      const { bytes } = model.manifest
      server.log.length = 0
      const refused = await openOnce(page, model, { consent: false })
      assert.deepEqual(refused, {
        name: 'NearfieldError',
        code: 'cancelled',
        message: 'the download of asked was not wanted',
      })
      assert.deepEqual(
        server.log.map(({ path }) => path),
        ['/models/asked/manifest.json', '/sdk/consent.js'],
      )
      const need = { bytes, total: bytes, saveData: false }
      assert.deepEqual(await page.evaluate(() => window.asked), [need])
      // a part of it is there: the rest is what it costs
      model.holdAt(10 * model.chunkBytes)
      await begin(page, model, { consent: true })
      await untilKept(page, model, 10)
      await page.evaluate(() => window.asked.splice(0))
      await page.close()
      page = await newPage(context, server)
      model.release()
      assert.deepEqual(await openOnce(page, model, { consent: true }), READY)
      const rest = { bytes: bytes - 10 * model.chunkBytes, total: bytes, saveData: false }
      assert.deepEqual(await page.evaluate(() => window.asked), [rest])
      assert.deepEqual(await openOnce(page, model, { consent: false }), READY)
      assert.deepEqual(await page.evaluate(() => window.asked), [])
    }))

  test('with a server: after a no the device is absent, and nothing of the model was fetched', () =>
    inProfile(async () => {
      const model = serveModel('refused')
      await begin(page, model, { consent: false, server: '/v1' })
      await page.waitForFunction(() => window.nf?.status.state === 'absent')
      const why = await page.evaluate(() => window.nf.status.backendReason)
      assert.equal(why, 'the download of refused was not wanted')
      assert.deepEqual(model.requests, [])
    }))

  test('asks for storage that lasts, once, after the first complete download', () =>
    inProfile(async () => {
      const model = serveModel('lasting')
      await page.evaluate(() => {
        window.wishes = 0
        navigator.storage.persist = async () => ++window.wishes > 0
      })
      for (let i = 0; i < 2; i++) {
        await begin(page, model)
        assert.deepEqual(await outcome(page), READY)
        assert.equal(await page.evaluate(() => window.wishes), 1)
        // the page tells its worker; the next worker asks the browser, which has granted nothing
        const persisted = i === 0
        await page.waitForFunction((is) => window.nf.status.persisted === is, persisted)
        await page.evaluate(() => window.nf.close())
      }
    }))
})
