// The main job, whole: the product's own server, the built editor, the real model. A person opens
// the page, drops an SRT file, presses Fix, is asked about the download, sees a diff, accepts,
// undoes, redoes, saves; then comes back without a network. Takes docs' picture of the editor.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { start } from '../server/harness.mjs'
import { dropFile, launch } from './app/driver.mjs'

const talk = readFileSync('tests/data/talk.srt', 'utf8')
const corrected = readFileSync('tests/data/talk.corrected.srt', 'utf8')
const shots = 'build/screenshots'
let browser
let server
let context
let page
const errors = []

before(async () => {
  mkdirSync(shots, { recursive: true })
  server = await start(['--root', 'app/dist', '--model', process.env.NEARFIELD_MODEL, '--quiet'])
  browser = await launch()
  context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
  })
  // the file dialog of the system cannot be driven: take it away, and the editor downloads
  await context.addInitScript(() => {
    delete globalThis.showSaveFilePicker
  })
  page = await context.newPage()
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    // at its very first start the server is still hashing the model, and the page asks again
    if (message.type() === 'error' && !/status of 503/.test(message.text())) {
      errors.push(message.text())
    }
  })
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

const drop = (name, content) => dropFile(page, name, content)
const cueBox = () => page.getByRole('textbox', { name: /cue/i }).first()

async function saved() {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.keyboard.press('Control+s'),
  ])
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') }
}

test('the page is isolated and asks nothing of the network but itself', async () => {
  await page.goto(`http://${server.host}/`)
  assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), true)
  await page.getByText('Drop', { exact: false }).first().waitFor()
})

test('a dropped file shows its cues', async () => {
  await drop('talk.srt', talk)
  await page.getByText("We didn't knew anything about it.").first().waitFor()
})

test('Fix asks for the download, then shows a diff of this device', async () => {
  await page.getByText("We didn't knew anything about it.").first().click()
  await page.keyboard.press('Alt+f')
  const ask = page.getByRole('button', { name: /Download 9\d/ })
  await ask.waitFor()
  await page.screenshot({ path: path.join(shots, 'journey-ask.png') })
  await ask.click()
  // the server edits until the model is here (outage.test.mjs); what follows is the device's
  await page.locator('.chip').getByText('This device').waitFor({ timeout: 120_000 })
  await page.locator('.chip').click()
  await page.getByRole('radio', { name: 'Only on this device' }).check()
  await page.screenshot({ path: path.join(shots, 'journey-device.png') })
  await page.keyboard.press('Escape')
  await cueBox().focus()
  await page.keyboard.press('Alt+f')
  await page.locator('#suggestion .receipt').getByText('this device').waitFor({ timeout: 60_000 })
  assert.match(await page.locator('.diff').first().textContent(), /know/)
  await page.screenshot({ path: path.join(shots, 'journey-diff.png') })
  await page.locator('#suggestion .receipt').click()
  const receipt = page.getByRole('dialog', { name: 'Receipt of this edit' })
  assert.match(await receipt.textContent(), /Tuned by\s*nearfield fix/)
  await page.keyboard.press('Escape')
})

test('accepting, undo and redo are one step each', async () => {
  await cueBox().focus()
  await page.keyboard.press('Tab')
  const is = async (text) => {
    await page.waitForFunction((want) => document.querySelector('textarea')?.value === want, text)
  }
  await is("We didn't know anything about it.")
  await page.keyboard.press('Control+z')
  await is("We didn't knew anything about it.")
  await page.keyboard.press('Control+y')
  await is("We didn't know anything about it.")
})

test('the saved file is the old one with that cue changed, byte for byte', async () => {
  const file = await saved()
  assert.equal(file.name, 'talk.srt')
  assert.equal(file.text, talk.replace("We didn't knew anything", "We didn't know anything"))
})

test('Fix all is stopped half way, and again runs to its end', async () => {
  await page.keyboard.press('Alt+Shift+f')
  const progress = page.getByRole('progressbar', { name: 'Cues read' })
  await page.waitForFunction(
    () => (document.querySelector('.review-progress progress')?.value ?? 0) >= 3,
    null,
    { timeout: 60_000 },
  )
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText(/Stopped at \d+ of 46 cues/).waitFor()
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.keyboard.press('Alt+Shift+f')
  await progress.waitFor()
  await progress.waitFor({ state: 'detached', timeout: 180_000 })
  await page.screenshot({ path: path.join(shots, 'journey-review.png') })
})

test('accepting the review is one step, undone as one', async () => {
  const was = (await saved()).text
  const accept = page.getByRole('button', { name: /^Accept \d+/ })
  const count = Number((await accept.textContent()).match(/\d+/)[0])
  assert.ok(count >= 5, `the model proposes some corrections, got ${count}`)
  await accept.click()
  await page.getByRole('button', { name: /^Accept \d+/ }).waitFor({ state: 'detached' })
  const file = (await saved()).text
  const differing = file.split('\n\n').filter((cue, i) => cue !== was.split('\n\n')[i])
  assert.equal(differing.length, count)
  const [before, after, right] = [talk, file, corrected].map((text) => text.split('\n\n'))
  const wrong = [...right.keys()].filter((i) => right[i] !== before[i])
  const mended = wrong.filter((i) => after[i] === right[i]).length
  console.log(`# ${mended} of ${wrong.length} wrong cues mended, ${count} changed by Fix all`)
  assert.ok(mended >= 22, `${mended}; other kernels may give one or two others than 24`)
  for (const i of before.keys()) {
    if (!wrong.includes(i)) assert.equal(after[i], before[i], 'right cues stay')
  }
  assert.deepEqual(file.match(/\d[\d,:]*/g), talk.match(/\d[\d,:]*/g), 'times and numbers stay')
  await page.keyboard.press('Control+z')
  assert.equal((await saved()).text, was)
})

test('after a reload the text is there and the model is not fetched again', async () => {
  await page.locator('.save-state[data-state="saved"]').waitFor()
  const asked = []
  page.on('request', (request) => {
    if (/\.gguf$/.test(request.url())) asked.push(request.url())
  })
  await page.reload()
  await page.getByText("We didn't know anything about it.").first().waitFor({ timeout: 20_000 })
  await page.getByText('Its louder then you expect.').first().click()
  await page.keyboard.press('Alt+f')
  await page.locator('.diff ins').first().waitFor({ timeout: 60_000 })
  assert.equal(
    await page.getByRole('button', { name: /Download 9\d/ }).count(),
    0,
    'it does not ask again',
  )
  assert.deepEqual(asked, [])
  await page.screenshot({ path: path.join(shots, 'journey-end.png') })
})

test('nothing went wrong in the console', () => {
  assert.deepEqual(errors, [])
})
