// One model, several tabs of Chromium: who downloads, how the others follow, and what becomes of
// them when the first one ends. Owns no fault of one tab alone: loading.test.mjs.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { launch } from '../chromium.mjs'
import { begin, newPage, outcome, quotaOf, READY, TIMEOUT } from './loading.mjs'
import { serveSdk } from './page.mjs'
import { SmallModel } from './small_model.mjs'

const TAKEN_OVER_MS = 5000

let browser
let server
let n = 0
before(async () => {
  browser = await launch()
  server = await serveSdk(false)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

function serveModel() {
  const model = new SmallModel(`tabs-${n++}`)
  model.serveFrom(server.pages)
  return model
}

/** So many tabs, the first of which downloads; all have read what was sent up to `at`. */
async function tabsHeldAt(at, context, model, count) {
  model.holdAt(at)
  const pages = []
  for (let i = 0; i < count; i++) {
    pages.push(await newPage(context, server))
    await begin(pages[i], model)
    if (i === 0) await model.until(() => model.requests.length === 1)
  }
  await model.until(() => model.sent === at)
  const whole = at - (at % model.chunkBytes)
  await Promise.all(
    pages.map((page) => page.waitForFunction((bytes) => window.loaded >= bytes, whole)),
  )
  return pages
}

for (const count of [2, 3, 4, 5]) {
  test(
    `${count} tabs: each byte is fetched once, and all follow the one that downloads`,
    TIMEOUT,
    async () => {
      const context = await browser.newContext()
      try {
        const model = serveModel()
        const { bytes } = model.manifest
        const pages = await tabsHeldAt(Math.floor(bytes / 2), context, model, count)
        model.release()
        for (const page of pages) assert.deepEqual(await outcome(page), READY)
        assert.equal(model.requests.length, 1)
        assert.ok(model.counts.every((times) => times === 1))
      } finally {
        await context.close()
      }
    },
  )
}

describe('the tab that downloads ends', TIMEOUT, () => {
  const kills = {
    'it is closed': (page) => page.close(),
    'its renderer crashes': async (page) => {
      const session = await page.context().newCDPSession(page)
      const crashed = new Promise((done) => page.once('crash', done))
      session.send('Page.crash').catch(() => {}) // nobody is left to answer
      await crashed
    },
    'it goes elsewhere': (page) => page.goto('about:blank'),
  }
  for (const [how, kill] of Object.entries(kills)) {
    test(`${how}: another goes on within 5 s, at the first chunk that is missing`, async () => {
      const context = await browser.newContext()
      try {
        await takenOver(context, kill, 3)
      } finally {
        await context.close()
      }
    })
  }

  test('in a profile on disk', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'nearfield-profile-'))
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox'],
    })
    try {
      await takenOver(context, kills['it is closed'], 2)
    } finally {
      await context.close()
      rmSync(folder, { recursive: true })
    }
  })

  async function takenOver(context, kill, count) {
    const model = serveModel()
    const { chunkBytes } = model
    const at = 20 * chunkBytes + 300
    const [leader, ...others] = await tabsHeldAt(at, context, model, count)
    const start = performance.now()
    await kill(leader)
    await model.until(() => model.requests.length === 2)
    const tookMs = performance.now() - start
    assert.ok(tookMs <= TAKEN_OVER_MS, `${tookMs} ms`)
    await model.until(() => model.requests[0].closed)
    model.release()
    for (const page of others) assert.deepEqual(await outcome(page), READY)
    assert.equal(model.requests[1].from, 20 * chunkBytes)
    assert.equal(model.requests.length, 2)
    assert.equal(model.sent - model.manifest.bytes, 300)
    console.log(`# taken over after ${tookMs.toFixed(0)} ms`)
  }
})

test('storage full in the middle: every tab goes on by itself, from memory', TIMEOUT, async () => {
  const context = await browser.newContext()
  try {
    const model = serveModel()
    const { bytes } = model.manifest
    const half = Math.floor(bytes / 2)
    const pages = await tabsHeldAt(half, context, model, 3)
    await (await quotaOf(context, pages[0], server))(half)
    model.release()
    for (const page of pages)
      assert.deepEqual(await outcome(page), { state: 'ready', cached: false })
    // what was kept before is read by all of them, the rest is nobody's but one's own
    assert.ok(model.sent <= 3 * bytes - 2 * (half - model.chunkBytes), `${model.sent} bytes`)
    const left = await pages[2].evaluate(async () => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('nearfield')
      const names = []
      for await (const name of (await root.getDirectoryHandle('models')).keys()) names.push(name)
      return names
    })
    assert.deepEqual(left, [])
  } finally {
    await context.close()
  }
})
