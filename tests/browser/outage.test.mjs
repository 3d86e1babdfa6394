// The editor with its own server, the real model and a scripted outage of either: what is read are
// the receipts that '?debug' lists. What is asserted holds whatever the speed of the machine.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { start } from '../server/harness.mjs'
import { dropFile, launch, openPage } from './app/driver.mjs'
import { holdingProxy } from './holding_proxy.mjs'

const talk = readFileSync('tests/data/talk.srt', 'utf8')
const WRONG = "We didn't knew anything about it."
const RIGHT = "We didn't know anything about it."
let browser
let server
let proxy
let context
let page
let errors

before(async () => {
  server = await start(['--root', 'app/dist', '--model', process.env.NEARFIELD_MODEL, '--quiet'])
  proxy = await holdingProxy(() => server.port)
  browser = await launch()
  const opened = await openPage(browser, `http://${proxy.host}/?debug`)
  context = opened.context
  page = opened.page
  errors = opened.errors
  await page.evaluate(() => {
    // nobody is asked beside another one only because he is slow
    Object.defineProperty(navigator.connection, 'saveData', { get: () => true })
  })
})
after(async () => {
  await context?.close()
  await browser?.close()
  await proxy?.close()
  await server?.stop().catch(() => {})
})

const drop = (name, content) => dropFile(page, name, content)
const box = () => page.getByRole('textbox', { name: /^Text of cue/ })
const receipts = () => page.getByRole('list', { name: 'Receipts, the newest first' })

/**
 * Fixes the cue in hand. Its number makes each text a new one, which nobody remembers; the key comes
 * with it, before an answer could be prefetched.
 */
let n = 0
async function fix() {
  const before = await receipts().locator('li').count()
  await box().evaluate((field, text) => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(field, text)
    field.dispatchEvent(new Event('input', { bubbles: true }))
    const key = { key: 'f', code: 'KeyF', altKey: true, bubbles: true, cancelable: true }
    field.dispatchEvent(new KeyboardEvent('keydown', key))
  }, `${WRONG} Take ${++n}.`)
  await page.waitForFunction(
    (count) => document.querySelectorAll('.receipts li').length > count,
    before,
    { timeout: 120_000 },
  )
  const newest = receipts().locator('li').first()
  const { source, why } = await newest.evaluate((item) => ({ ...item.dataset }))
  await page.locator('.diff').first().waitFor()
  await box().focus()
  await page.keyboard.press('Tab') // accepts
  assert.match(await box().inputValue(), /^We didn't know anything about it\. Take \d+\.$/)
  return { where: `${source}: ${why}`, words: await newest.textContent() }
}
/** From the panel of the device chip. */
async function choose(label) {
  await page.locator('.chip').click()
  await page.getByRole('radio', { name: label }).check()
  await page.keyboard.press('Escape')
}
const ready = () =>
  page.waitForFunction(
    () => document.querySelector('.chip')?.textContent.match(/^This device: (CPU|GPU)$/),
    null,
    { timeout: 120_000 },
  )
/** As a crash of the engine's worker reaches the page. */
const kill = (worker) =>
  worker.evaluate(() => {
    setTimeout(() => {
      throw new Error('killed by the test')
    })
  })

test('before a download the server edits, the page says so, and no model is fetched', async () => {
  const fetched = []
  page.on('request', (request) => {
    if (/\.gguf$/.test(request.url())) fetched.push(request.url())
  })
  await drop('talk.srt', talk)
  await page.getByText(WRONG).first().click()
  await page.getByRole('button', { name: /^Receipts/ }).click()
  await page.getByText('Edits are sent to the server.').waitFor()
  const { where, words } = await fix()
  assert.equal(where, 'server: device_absent')
  assert.match(words, /there is no model on this device.*server answered in.* B to the server/s)
  assert.deepEqual(fetched, [])
})

test('device, server, device: each receipt says why', { timeout: 300_000 }, async () => {
  const others = page.workers() // of the captions: the same script
  await page.getByRole('button', { name: /Download 9\d MB to edit here/ }).click()
  await ready()
  const engine = page.workers().find((worker) => !others.includes(worker))
  await choose('Only on this device')
  const seen = [await fix()]
  assert.match(seen[0].words, /nothing left this device/)

  await choose('Prefer this device')
  const held = proxy.holdPath('/models/') // the worker that comes next waits for its manifest
  await kill(engine)
  await held.first
  await page.getByText('starting again…').waitFor()
  seen.push(await fix())
  held.release()
  await ready()

  await server.stop() // for good
  seen.push(await fix(), await fix())
  assert.deepEqual(
    seen.slice(0, 2).map(({ where }) => where),
    ['device: only_on_device', 'server: device_loading'],
  )
  // the first may still find out that the server is gone; whatever it tried, the device answered
  for (const { where, words } of seen.slice(2)) {
    assert.match(where, /^device: (device_\w+|server_\w+)$/)
    assert.match(words, /(CPU|GPU) answered in/)
  }
})

test('the ledger has all of it, and the copied receipts hold none of the text', async () => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.locator('.chip').click()
  const panel = page.getByRole('dialog', { name: 'Device and model' })
  assert.match(await panel.textContent(), /Here3 edits.*Server2 edits/s)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Copy as JSON' }).click()
  await page.getByText('Copied: 5 receipts').first().waitFor()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  assert.deepEqual(
    JSON.parse(copied).map(({ source }) => source),
    ['device', 'device', 'server', 'device', 'server'],
  )
  assert.doesNotMatch(copied, /knew|anything/)
})

test('no text was lost', async () => {
  assert.equal(await box().inputValue(), `${RIGHT} Take ${n}.`)
  await page.getByText('Kept in this browser').waitFor()
  const others = await page.locator('.cue-row .col-text').allTextContents()
  assert.ok(others.some((text) => talk.includes(text)))
  const own = errors.filter((text) => !/killed by the test|ERR_|status of 50\d/.test(text))
  assert.deepEqual(own, [])
})
