// What a person does with the page of a fresh app: waits for the model, presses the button, reads.
// Owns no test.
import assert from 'node:assert/strict'
import { launch } from '../browser/chromium.mjs'

/** url's page in Chromium, its own storage; problems: what the page complained of. */
export async function openPage(url) {
  const browser = await launch()
  const page = await browser.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(url)
  return { browser, page, problems }
}

/** The text before and after, and the verdict, as the page shows them. */
export async function pressFix(page) {
  const before = await page.inputValue('input')
  await page.click('button:not([disabled])', { timeout: 120_000 })
  await page.waitForFunction(
    () => /^(un)?changed|unfit/.test(document.querySelector('output').textContent),
    null,
    { timeout: 120_000 },
  )
  const after = await page.inputValue('input')
  return { before, after, verdict: await page.textContent('output') }
}

export const FIXED = {
  before: 'she go to the libary',
  after: 'She went to the library.',
  verdict: 'changed',
}

/** Nothing a person sees in the console of a page that works. */
export const noProblems = (problems) => assert.deepEqual(problems, [])
