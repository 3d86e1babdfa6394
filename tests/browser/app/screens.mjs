/**
 * Pictures of the editor in every size and theme, into build/screenshots. Run by hand:
 * node tests/browser/app/screens.mjs (after the test build, see app.test.mjs).
 */
import { mkdir } from 'node:fs/promises'
import { launch, openPage, openSample, SIZES } from './driver.mjs'
import { serve } from './static-server.mjs'

const root = new URL('../../../', import.meta.url).pathname
const out = `${root}build/screenshots`
const only = process.argv[2]
await mkdir(out, { recursive: true })
const server = await serve(`${root}build/app-fake`)
const editing = await serve(`${root}build/app-fake`, {}, { edits: true })
const browser = await launch()

async function scenes(page, shot) {
  await shot('start')
  await openSample(page)
  await page.waitForTimeout(300)
  await shot('open')
  await page.keyboard.press('Alt+F')
  await page
    .getByRole('button', { name: /^Download/ })
    .last()
    .waitFor()
  await shot('ask')
  await page
    .getByRole('button', { name: /^Download/ })
    .last()
    .click()
  await page.waitForTimeout(150)
  await shot('download')
  await page.locator('.diff').waitFor()
  await page.waitForTimeout(100)
  await shot('suggestion')
  await page.keyboard.press('Alt+V')
  await page.getByRole('radiogroup', { name: 'Versions' }).waitFor()
  await page.keyboard.press('Alt+2')
  await page.waitForTimeout(100)
  await shot('versions')
  await page.locator('#suggestion .receipt').click()
  await page.waitForTimeout(100)
  await shot('receipt')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Alt+Shift+F')
  await page.waitForTimeout(900)
  await shot('review-running')
  await page.waitForTimeout(1500)
  await shot('review')
  await page.locator('.chip').click()
  await page.waitForTimeout(100)
  await shot('device')
  await page.getByRole('button', { name: 'Copy report' }).click()
  await page.getByText(/^Copied/).waitFor()
  await shot('device-report')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+K')
  await page.waitForTimeout(100)
  await shot('palette')
}

/** With a server that edits too, and ?debug. */
async function serverScenes(page, shot) {
  await openSample(page)
  await page.waitForTimeout(300)
  await shot('server-before')
  await page.keyboard.press('Alt+F')
  await page.locator('.diff').waitFor()
  await shot('server-suggestion')
  await page.locator('.server-ask button').first().click()
  await page.waitForTimeout(150)
  await shot('server-download')
  await page.locator('.chip[data-state="ready"]').waitFor()
  await page.keyboard.press('Alt+ArrowDown')
  await page.keyboard.press('Alt+F')
  await page.waitForTimeout(300)
  await page
    .getByRole('button', { name: /^Receipts/ })
    .filter({ visible: true })
    .click()
  await page.waitForTimeout(100)
  await shot('receipts')
  await page.locator('.chip').click()
  await page.waitForTimeout(100)
  await shot('server-device')
}

for (const { name, width, height } of SIZES) {
  for (const colorScheme of ['light', 'dark']) {
    if (only && !`${name}-${colorScheme}`.startsWith(only)) continue
    const { context, page, errors } = await openPage(browser, server.url, {
      viewport: { width, height },
      colorScheme,
    })
    await scenes(page, (scene) =>
      page.screenshot({ path: `${out}/${name}-${colorScheme}-${scene}.png` }),
    )
    if (errors.length) console.log(name, colorScheme, errors)
    await context.close()
    const other = await openPage(browser, `${editing.url}?debug`, {
      viewport: { width, height },
      colorScheme,
    })
    await serverScenes(other.page, (scene) =>
      other.page.screenshot({ path: `${out}/${name}-${colorScheme}-${scene}.png` }),
    )
    if (other.errors.length) console.log(name, colorScheme, other.errors)
    await other.context.close()
  }
}
await browser.close()
server.close()
editing.close()
