/**
 * The built editor in Chromium, under the server's headers (isolation, CSP, trusted types).
 * Two builds: app/dist (the real one: captions worker, files, long lists) and build/app-fake
 * (the SDK's edits replaced by rules, so that suggestions are known). The journey with the real
 * model is tests/browser's, not this file's.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { cueText, launch, openPage, openSample } from './driver.mjs'
import { longSrt } from './long-srt.mjs'
import { serve } from './static-server.mjs'

const root = new URL('../../../', import.meta.url).pathname
const dist = `${root}app/dist`
const fake = `${root}build/app-fake`
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const MODEL = 'models/smollm2-135m-instruct.q4_1'

let browser
let real
let fakeServer
let editing

before(async () => {
  assert.ok(existsSync(`${dist}/index.html`), 'app/dist is missing: run ./dev build app first')
  const vite = createRequire(import.meta.url)
    .resolve('vite/package.json')
    .replace('package.json', 'bin/vite.js')
  execFileSync(
    process.execPath,
    [vite, 'build', '--logLevel', 'error', '-c', `${import.meta.dirname}/vite.fake.config.ts`],
    {
      cwd: `${root}app`,
      stdio: 'inherit',
    },
  )
  await mkdir(`${fake}/${MODEL}`, { recursive: true })
  await writeFile(`${fake}/${MODEL}/manifest.json`, '{"name":"fake-135m","bytes":98000000}')
  await writeFile(`${fake}/models/index.json`, '{"models":[{"name":"smollm2-135m-instruct.q4_1"}]}')
  real = await serve(dist)
  fakeServer = await serve(fake)
  editing = await serve(fake, {}, { edits: true })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  real?.close()
  fakeServer?.close()
  editing?.close()
})

/** Each test has a fresh profile and fails on any page error or CSP violation. */
async function withPage(server, act, options = {}) {
  const { context, page, errors } = await openPage(browser, server().url, options)
  try {
    await act(page, context)
  } finally {
    await context.close()
  }
  const own = errors.filter((text) => !(server === atReal && /404/.test(text)))
  assert.deepEqual(own, [])
}
const atReal = () => real
const atFake = () => fakeServer
/** The same, and its server edits too. */
const atEditing = () => ({ url: `${editing.url}?debug` })

async function axe(page, where) {
  await page.evaluate(await readFile(axePath, 'utf8')) // a script element would break the CSP
  const { violations } = await page.evaluate(() => globalThis.axe.run(document))
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const lines = bad.map(
    ({ id, nodes }) => `${where}: ${id}: ${nodes.map((n) => n.html).join('\n  ')}`,
  )
  assert.deepEqual(lines, [])
}

/** Saves through the download path and returns the bytes and the name. */
async function save(page) {
  const waiting = page.waitForEvent('download', { timeout: 8000 })
  await page.keyboard.press('Control+S')
  const download = await waiting.catch(async () => {
    throw new Error(await page.locator('.notice').textContent({ timeout: 1000 }))
  })
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) }
}

const noPicker = (page) =>
  page.evaluate(() => {
    delete Window.prototype.showSaveFilePicker
    delete globalThis.showSaveFilePicker
  })

async function openText(page, name, text) {
  const chooser = page.waitForEvent('filechooser')
  await page.keyboard.press('Control+O')
  await (await chooser).setFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) })
}

async function focusName(page) {
  return page.evaluate(() => {
    const at = document.activeElement
    return at === document.body ? 'body' : (at?.getAttribute('aria-label') ?? at?.textContent ?? '')
  })
}

test('real build: sample opens, saved unchanged it is the same bytes', () =>
  withPage(atReal, async (page) => {
    await openSample(page)
    await noPicker(page)
    const { name, bytes } = await save(page)
    assert.equal(name, 'sample.srt')
    assert.deepEqual(bytes, await readFile(`${root}app/public/sample.srt`))
  }))

test('real build: one cue edited, only its line differs in the saved bytes', () =>
  withPage(atReal, async (page) => {
    const original =
      '\ufeff7\r\n00:00:01,000 --> 00:00:02,000\r\nA <i>bee</i>\r\n\r\n9\r\n00:00:03,000 --> 00:00:04,500\r\nflys\r\n\r\n'
    await openText(page, 'odd Name.SRT', original)
    await page.getByRole('grid', { name: 'Cues' }).waitFor()
    await noPicker(page)
    await page.keyboard.press('Alt+ArrowDown')
    await page.getByRole('textbox', { name: /^Text of cue/ }).fill('flies')
    const { name, bytes } = await save(page)
    assert.equal(name, 'odd Name.SRT')
    assert.equal(bytes.toString('utf8'), original.replace('flys', 'flies'))
  }))

test('real build: split, merge, delete and odd lines are saved as they are shown', () =>
  withPage(atReal, async (page) => {
    const { keyboard } = page
    await openText(page, 'a.srt', longSrt(6))
    const box = page.getByRole('textbox', { name: /^Text of cue/ })
    await box.waitFor()
    await noPicker(page)
    await box.fill('one\ntwo  words\n\n \nlast\n')
    await page.getByText('An empty line would end the cue').waitFor()
    await keyboard.press('Alt+ArrowDown')
    await box.focus()
    await keyboard.press('Control+Home')
    for (let i = 0; i < 4; i += 1) await keyboard.press('ArrowRight')
    await keyboard.press('Control+Alt+V')
    await keyboard.press('Alt+ArrowDown')
    await keyboard.press('Alt+ArrowDown')
    await keyboard.press('Control+Shift+M')
    await keyboard.press('Control+K')
    await keyboard.type('delete')
    await keyboard.press('Enter')
    await page.getByText('5 cues').waitFor()
    const shown = await page.locator('.cues-body .col-text').allTextContents()
    const { bytes } = await save(page)
    await openText(page, 'b.srt', bytes)
    await page.getByText('b.srt', { exact: true }).waitFor()
    const again = await page.locator('.cues-body .col-text').allTextContents()
    assert.deepEqual(again.slice(1), shown.slice(1))
    assert.match(again[0], /^one\ntwo {2}words\nlast$/)
    assert.doesNotMatch(bytes.toString(), /undefined|NaN|null/)
  }))

test('real build: what is no captions is refused in one line; nothing open goes or moves', () =>
  withPage(atReal, async (page) => {
    await openSample(page)
    const place = () => page.getByRole('grid').boundingBox()
    const before = await place()
    await openText(page, 'noise.srt', '\u0000\u0001\u0002 not captions')
    const notice = page.locator('.notice p')
    await notice.waitFor()
    assert.match(await notice.textContent(), /^noise\.srt was not opened: .+/)
    assert.equal(await cueText(page, 2), "We didn't knew anything about it.")
    assert.deepEqual(await place(), before)
    await noPicker(page)
    await save(page)
    await page.locator('.status .note').getByText('Saved as sample.srt.').waitFor()
    assert.deepEqual(await place(), before)
    assert.ok(await notice.isVisible(), 'a note does not take the place of an error')
    await page.getByRole('button', { name: 'Dismiss' }).click()
    assert.equal(await focusName(page), 'Cues')
    await openText(page, 'empty.srt', '')
    await page.getByText('empty.srt is empty.').first().waitFor()
  }))

test('real build: a file dropped anywhere opens', () =>
  withPage(atReal, async (page) => {
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n'], 'a.vtt'))
      return transfer
    })
    await page.dispatchEvent('body', 'dragover', { dataTransfer: data })
    await page.getByText('Drop to open').waitFor()
    await page.dispatchEvent('body', 'drop', { dataTransfer: data })
    await page.getByRole('grid', { name: 'Cues' }).waitFor()
    assert.equal(await cueText(page, 1), 'Hello')
    await page.getByText('1 cue · WebVTT').waitFor()
  }))

/** The page's own processor time: script, style and layout, in ms. Other programs do not count. */
async function cpuMeter(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  const read = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics')
    const parts = ['ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration']
    return 1000 * parts.reduce((sum, key) => sum + metrics.find((m) => m.name === key).value, 0)
  }
  return async (act) => {
    const before = await read()
    await act()
    return (await read()) - before
  }
}

test('real build: 5,000 cues open in a second, scroll, type and undo without long frames', () =>
  withPage(atReal, async (page) => {
    const text = longSrt(5000)
    await page.evaluate(() => {
      globalThis.longTasks = []
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries())
          globalThis.longTasks.push(Math.round(duration))
      }).observe({ type: 'longtask' })
    })
    const cpu = await cpuMeter(page)
    const grid = page.getByRole('grid', { name: 'Cues' })
    const start = performance.now()
    let openMs = 0
    const openCpu = await cpu(async () => {
      await openText(page, 'long.srt', text)
      await grid.waitFor()
      await page.getByText('5,000 cues ·').waitFor()
      openMs = performance.now() - start
      await page.getByText('Kept in this browser').waitFor()
      await page.waitForTimeout(800) // measured, linted
    })
    assert.equal(await grid.getAttribute('aria-rowcount'), '5001')
    assert.ok((await grid.getByRole('row').count()) < 80, 'only what is seen is in the page')
    await page.evaluate(() => (globalThis.longTasks.length = 0))
    await grid.focus()
    const scroll = (px) =>
      page.evaluate(async (px) => {
        const list = document.querySelector('[role=grid]')
        for (let i = 0; i < 60; i += 1) {
          list.scrollTop += px
          await new Promise(requestAnimationFrame)
        }
      }, px)
    const frameCpu = (await cpu(() => scroll(120))) / 60
    const leapCpu = (await cpu(() => scroll(900))) / 60
    await page.keyboard.press('End')
    await page.locator('#root .cue-row[aria-rowindex="5001"][aria-selected="true"]').waitFor()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Control+End')
    const words = ' and more words'
    const keyCpu =
      (await cpu(async () => {
        await page.keyboard.type(words, { delay: 15 })
        await page.waitForTimeout(1200) // linted and kept
      })) / words.length
    await page.keyboard.press('Control+Z')
    const long = await page.evaluate(() => globalThis.longTasks)
    const last = await page.getByRole('textbox', { name: /^Text of cue/ }).inputValue()
    assert.match(last, / and more $/)
    const cost = Object.entries({ openCpu, frameCpu, leapCpu, keyCpu }).map(
      ([name, ms]) => `${name} ${ms.toFixed(1)} ms`,
    )
    console.log(
      `# 5,000 cues: open ${Math.round(openMs)} ms; ${cost.join(', ')}; tasks over 50 ms: ${JSON.stringify(long)}`,
    )
    // Processor time, 3 times what was measured here: a slower machine passes, a copy of all cues
    // a key or a frame does not. The clock is only held to what a stalled machine keeps.
    assert.ok(openMs < 5000, `open took ${openMs} ms`)
    assert.ok(openCpu < 180, `open: ${openCpu} ms of processor time`)
    assert.ok(frameCpu < 12, `a scrolled frame: ${frameCpu} ms`)
    assert.ok(leapCpu < 25, `a frame of new rows: ${leapCpu} ms`)
    assert.ok(keyCpu < 16, `a key: ${keyCpu} ms`)
    const most = 250 * (await stretch(page))
    assert.ok(Math.max(0, ...long) <= most, `blocked for ${Math.max(0, ...long)} of ${most} ms`)
  }))

/** How much longer the same work takes at its worst than at its best: what else this machine does. */
const stretch = (page) =>
  page.evaluate(() => {
    const took = Array.from({ length: 40 }, () => {
      const start = performance.now()
      for (let i = 0, x = 1; i < 5e6; i += 1) x = (x * 48271) % 2147483647
      return performance.now() - start
    })
    return Math.max(...took) / Math.max(1, Math.min(...took))
  })

/** What was typed before: the words say 'saving' from a key on. */
const kept = (page) => page.locator('.save-state[data-state="saved"]').waitFor()

test('typing is autosaved and restored after a reload', () =>
  withPage(atReal, async (page) => {
    await openSample(page)
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: /^Text of cue/ }).fill('Kept text')
    await kept(page)
    await page.reload()
    await page.getByRole('grid', { name: 'Cues' }).waitFor()
    assert.equal(await cueText(page, 1), 'Kept text')
    await noPicker(page)
    const { bytes } = await save(page)
    const sample = await readFile(`${root}app/public/sample.srt`, 'utf8')
    assert.equal(bytes.toString(), sample.replace(/^So last.*$/m, 'Kept text'))
  }))

test('a second tab is read only and takes over when the first closes', () =>
  withPage(atReal, async (page, context) => {
    await openSample(page)
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: /^Text of cue/ }).fill('From the first tab')
    await kept(page)
    const second = await context.newPage()
    await second.goto(real.url)
    await second.getByText('Read only: this project is open in another tab.').first().waitFor()
    assert.equal(await cueText(second, 1), 'From the first tab')
    assert.ok(
      await second.getByRole('textbox', { name: /^Text of cue/ }).evaluate((box) => box.readOnly),
    )
    await page.close()
    await second.getByText('The other tab has closed: you can edit here now.').first().waitFor()
    await second.getByRole('textbox', { name: /^Text of cue/ }).fill('From the second')
    assert.equal(await cueText(second, 1), 'From the second')
  }))

test('keyboard only: consent, fix, accept, undo, redo, one word, batch, save; focus is never lost', () =>
  withPage(atFake, async (page) => {
    const { keyboard } = page
    await page.getByRole('button', { name: 'Open a file' }).waitFor()
    for (let i = 0; i < 12 && (await focusName(page)) !== 'Open the sample'; i += 1)
      await keyboard.press('Tab')
    await keyboard.press('Enter')
    const grid = page.getByRole('grid', { name: 'Cues' })
    await grid.waitFor()
    assert.equal(await focusName(page), 'Cues')
    await keyboard.press('ArrowDown')
    await keyboard.press('Alt+F')
    const strip = page.locator('#suggestion')
    await strip.getByText('98 MB', { exact: false }).first().waitFor()
    await keyboard.press('Tab')
    assert.match(await focusName(page), /^Text of cue/)
    for (let i = 0; i < 8 && !/^Download/.test(await focusName(page)); i += 1)
      await keyboard.press('Tab')
    await keyboard.press('Enter')
    await strip.getByRole('button', { name: 'Accept: knew becomes know' }).waitFor()
    assert.match(await focusName(page), /^Text of cue/)
    await keyboard.press('Tab')
    assert.equal(await cueText(page, 2), "We didn't know anything about it.")
    await keyboard.press('Control+Z')
    assert.equal(await cueText(page, 2), "We didn't knew anything about it.")
    await keyboard.press('Control+Y')
    assert.equal(await cueText(page, 2), "We didn't know anything about it.")
    await keyboard.press('Alt+ArrowDown')
    await keyboard.press('Alt+ArrowDown')
    await keyboard.press('Alt+F')
    await strip.getByRole('button', { name: "Accept: doesn't becomes don't" }).waitFor()
    await keyboard.press('F6')
    assert.equal(await focusName(page), "Accept: doesn't becomes don't")
    await keyboard.press('Enter')
    assert.equal(
      await cueText(page, 4),
      "The first thing you learn is that\nbees don't care about you're plans.",
    )
    assert.match(await focusName(page), /^Text of cue/)
    await keyboard.press('Escape')
    assert.equal(await strip.getByRole('button').count(), 0)
    await keyboard.press('Alt+Shift+F')
    const list = page.getByRole('listbox', { name: 'Suggestions' })
    await list.waitFor()
    await page.getByRole('button', { name: 'Stop' }).first().waitFor({ state: 'detached' })
    const found = await list.getByRole('option').count()
    assert.ok(found > 4)
    await keyboard.press('Control+K')
    await keyboard.type('review')
    await keyboard.press('Enter')
    await page.waitForFunction(
      () => document.activeElement?.getAttribute('aria-label') === 'Suggestions',
    )
    await keyboard.press('Home')
    await keyboard.press('Space')
    await page.getByRole('button', { name: `Accept ${found - 1}` }).waitFor()
    for (let i = 0; i < 4 && !/^Accept \d/.test(await focusName(page)); i += 1)
      await keyboard.press('Tab')
    const before = await cueText(page, 6)
    await keyboard.press('Enter')
    assert.equal(await cueText(page, 6), "It's louder than you expect.")
    assert.equal(await cueText(page, 1), 'So last spring me and Dana starts keeping bees.')
    assert.equal(await focusName(page), 'Cues')
    await keyboard.press('Control+Z')
    assert.equal(await cueText(page, 6), before)
    await keyboard.press('F8')
    await noPicker(page)
    assert.equal((await save(page)).name, 'sample.srt')
    assert.notEqual(await focusName(page), 'body')
    await keyboard.press('Control+K')
    await keyboard.type('close')
    await keyboard.press('Enter')
    await page.waitForFunction(() => document.activeElement?.textContent === 'Open a file')
  }))

test('keyboard only: versions are walked, picked and accepted; the receipt is opened and read', () =>
  withPage(atFake, async (page) => {
    const { keyboard } = page
    await openSample(page)
    await keyboard.press('ArrowDown')
    await keyboard.press('Enter') // into the text
    await keyboard.press('Alt+R')
    const strip = page.locator('#suggestion')
    await strip.getByRole('button', { name: /^Download/ }).press('Enter')
    const group = strip.getByRole('radiogroup', { name: 'Versions' })
    await group.waitFor()
    const inHand = () =>
      group.getByRole('radio').evaluateAll((all) => all.findIndex((radio) => radio.checked))
    const name = (n) => group.getByRole('radio').nth(n).getAttribute('aria-label')
    assert.equal(await name(0), "Version 1: Well, We didn't knew anything about it.")
    assert.match(await focusName(page), /^Text of cue/)
    await keyboard.press('Alt+3')
    assert.equal(await inHand(), 2)
    assert.match(await focusName(page), /^Text of cue/)
    await keyboard.press('F6')
    assert.match(await focusName(page), /^Version 3/)
    await keyboard.press('ArrowUp')
    assert.equal(await inHand(), 1)
    for (let i = 0; i < 8 && (await focusName(page)) !== 'this device, 38 ms'; i += 1)
      await keyboard.press('Tab')
    await keyboard.press('Enter')
    await page.waitForFunction(
      () => document.activeElement?.getAttribute('aria-label') === 'Receipt of this edit',
    )
    const read = await page.evaluate(() => document.activeElement.textContent)
    assert.match(read, /This device, CPU/)
    assert.match(read, /nothing left this device/)
    await keyboard.press('Escape') // the receipt only
    assert.equal(await focusName(page), 'this device, 38 ms')
    assert.equal(await inHand(), 1)
    await keyboard.press('Shift+F6')
    assert.match(await focusName(page), /^Text of cue/)
    await keyboard.press('Tab')
    assert.equal(await cueText(page, 2), "So, We didn't knew anything about it.")
    await keyboard.press('Alt+I')
    await page.waitForFunction(
      () => document.activeElement?.getAttribute('aria-label') === 'Receipt of this edit',
    )
    await keyboard.press('Escape')
    assert.match(await focusName(page), /^Text of cue/)
    await keyboard.press('Alt+O')
    await page.getByText('Formal is not offered on this device:').first().waitFor()
  }))

test('a model that was refused is never fetched', () =>
  withPage(atFake, async (page) => {
    const fetched = []
    page.on('request', (request) => fetched.push(request.url()))
    await openSample(page)
    await page.keyboard.press('Alt+F')
    await page.locator('#suggestion').getByRole('button', { name: 'Not now' }).click()
    await page.waitForTimeout(300)
    assert.deepEqual(
      fetched.filter((url) => /models\/.*\.gguf/.test(url)),
      [],
    )
    assert.equal(await page.locator('#suggestion button').count(), 0)
    await page.getByRole('button', { name: 'No model yet' }).waitFor()
  }))

for (const colorScheme of ['light', 'dark']) {
  test(`with a server that edits, by keyboard, and axe finds nothing serious, ${colorScheme}`, () =>
    withPage(
      atEditing,
      async (page) => {
        await openSample(page)
        await page.getByText('Edits are sent to the server.').waitFor()
        await page.keyboard.press('Alt+F')
        await page.locator('.diff').waitFor()
        await axe(page, 'a suggestion of the server')
        await page
          .getByRole('button', { name: /^Receipts/ })
          .filter({ visible: true })
          .press('Enter')
        await page.locator('.receipts li[data-why="device_absent"]').waitFor()
        await axe(page, 'receipts')
        await page.locator('.chip').press('Enter')
        await page.getByRole('radio', { name: 'Prefer this device' }).focus()
        await page.keyboard.press('ArrowDown')
        assert.ok(await page.getByRole('radio', { name: 'Only on this device' }).isChecked())
        await axe(page, 'device')
        await page.keyboard.press('Escape')
        await page.getByText('Edits are sent to the server.').waitFor({ state: 'detached' })
        await page.reload()
        await page.getByRole('button', { name: 'No model yet' }).waitFor()
      },
      { colorScheme },
    ))
}

test('a server that was away when the page was opened is found without a reload', async () => {
  const { context, page } = await openPage(browser, atEditing().url)
  try {
    let asked = 0
    await page.route('**/v1/models', (route) => {
      asked++
      return route.abort()
    })
    await page.reload()
    await openSample(page)
    await page.getByRole('button', { name: 'No model yet' }).waitFor()
    assert.ok(asked > 0)
    assert.equal(await page.getByText('Edits are sent to the server.').count(), 0)
    await page.unroute('**/v1/models')
    await page.evaluate(() => dispatchEvent(new Event('online')))
    await page.getByText('Edits are sent to the server.').waitFor()
    await page.keyboard.press('Alt+F')
    await page.locator('.diff').waitFor()
  } finally {
    await context.close()
  }
})

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing serious, ${colorScheme}`, () =>
    withPage(
      atFake,
      async (page) => {
        await axe(page, 'start')
        await openSample(page)
        await page.waitForTimeout(300)
        await axe(page, 'open')
        await page.keyboard.press('Alt+F')
        await page.locator('#suggestion .primary').waitFor()
        await axe(page, 'the question')
        await page.locator('#suggestion .primary').click()
        await page.locator('.diff').waitFor()
        await axe(page, 'a suggestion')
        await page.keyboard.press('Alt+V')
        await page.getByRole('radiogroup', { name: 'Versions' }).waitFor()
        await axe(page, 'versions')
        await page.locator('#suggestion .receipt').click()
        await axe(page, 'receipt')
        await page.keyboard.press('Escape')
        await page.keyboard.press('Alt+Shift+F')
        await page.getByRole('listbox', { name: 'Suggestions' }).waitFor()
        await axe(page, 'review')
        await page.getByRole('button', { name: 'This device: CPU' }).click()
        await axe(page, 'device')
        await page.keyboard.press('Tab')
        assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Copy report')
        await page.keyboard.press('Enter')
        await page.getByText(/^Copied/).waitFor()
        await axe(page, 'device, a report copied')
        await page.keyboard.press('Escape')
        await page.keyboard.press('Control+K')
        await axe(page, 'palette')
        await page.keyboard.press('Escape')
        for (const [key, name] of [
          ['V', 'Transcribe a video'],
          ['E', 'Export the video'],
        ]) {
          await page.keyboard.press(`Alt+Shift+${key}`)
          await page
            .getByRole('dialog', { name })
            .getByRole('button', { name: 'Choose…' })
            .waitFor()
          await axe(page, name)
          await page.keyboard.press('Escape')
        }
        await page.setViewportSize({ width: 400, height: 800 })
        await axe(page, 'narrow')
        assert.ok(
          await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
          'nothing overflows sideways',
        )
      },
      { colorScheme, bypassCSP: false },
    ))
}
