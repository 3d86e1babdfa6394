// One Chromium over one profile folder, with one page: what bench/load and sdk/weight.test.mjs ask
// of a browser. Owns the browser, its folder, and which process is the page's. Does not know what
// runs on the page, nor the order of visits (bench/load/visits.mjs).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { CATEGORIES, longestTask } from './main_thread.mjs'

export const newFolder = () => mkdtempSync(path.join(tmpdir(), 'nearfield-profile-'))
export const removeFolder = (folder) => rmSync(folder, { recursive: true, force: true })

async function processes(browser, type) {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter((p) => p.type === type).map(({ id }) => id)
}

// Does it run a page, or a part of the browser's own window?
function runsPage(pid) {
  try {
    return !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--top-chrome-webui')
  } catch {
    return false // it has just ended
  }
}

// The page's: with no spare ones kept, the only one there is, once the one before has ended.
async function rendererOf(browser, others = []) {
  for (let tries = 0; tries < 100; tries++) {
    const left = (await processes(browser, 'renderer')).filter(
      (id) => !others.includes(id) && runsPage(id),
    )
    if (left.length === 1) return left[0]
    await new Promise((again) => setTimeout(again, 50))
  }
  throw new Error('the page has no renderer of its own')
}

// -> a browser at the page of that URL. bypassCSP: the peers make workers from blobs and code
// from strings, which the server's policy refuses; so for all of them.
export async function openProfile(folder, url, flags = []) {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-features=SpareRendererForSitePerProcess', ...flags],
    bypassCSP: true,
  })
  const browser = context.browser()
  const visit = async (page, others) => {
    await page.goto(url)
    return { page, renderer: await rendererOf(browser, others) }
  }
  try {
    const { page } = await visit(context.pages()[0] ?? (await context.newPage()))
    return {
      version: browser.version(),
      page,
      gpu: async () => (await processes(browser, 'GPU'))[0],
      async secondTab() {
        const first = await rendererOf(browser)
        return visit(await context.newPage(), [first])
      },
      reload: () => visit(page),
      // Of the page's main thread while `work` is done: main_thread.mjs.
      async traced(work) {
        const pid = await rendererOf(browser)
        await browser.startTracing(page, { categories: CATEGORIES })
        let trace
        try {
          await work()
        } finally {
          trace = await browser.stopTracing()
        }
        return longestTask(trace.toString(), pid)
      },
      close: () => context.close(),
    }
  } catch (error) {
    await context.close()
    throw error
  }
}
