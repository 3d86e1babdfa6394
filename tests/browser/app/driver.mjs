/** Starts Chromium and opens the app for the browser tests of this folder; collects page errors. */
import { chromium } from 'playwright-core'

export const SIZES = [
  { name: 'wide', width: 1280, height: 800 },
  { name: 'medium', width: 800, height: 900 },
  { name: 'narrow', width: 400, height: 800 },
]

export function launch() {
  return chromium.launch({
    executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}

/** A fresh profile; `errors` fills with page errors and console errors (CSP violations too). */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
    ...options,
  })
  const page = await context.newPage()
  // Dialogs are intercepted from the first listener on; one added with the key press is too late.
  page.on('filechooser', () => {})
  const errors = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(url)
  await page.locator('.brand').waitFor()
  // Keys are listened to once React's effects have run.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))))
  return { context, page, errors }
}

export async function openSample(page) {
  await page.getByRole('button', { name: 'Open the sample' }).click()
  await page.getByRole('grid', { name: 'Cues' }).waitFor()
}

/** Cue text as the grid shows it. */
export const cueText = (page, n) =>
  page.locator(`.cue-row[aria-rowindex="${n + 1}"] .col-text`).textContent()

/** Drops a file on the window, as a person would. */
export async function dropFile(page, name, content) {
  const data = await page.evaluateHandle(
    ([n, c]) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([c], n))
      return transfer
    },
    [name, content],
  )
  await page.dispatchEvent('body', 'dragover', { dataTransfer: data })
  await page.dispatchEvent('body', 'drop', { dataTransfer: data })
}
