// The visits of one engine in one round: a browser that was never here, reloads, a second tab, the
// browser started again; one more for memory and one for the main thread, whose measuring would
// slow the timed ones. Owns their order and what each gives. Does not know how a browser is driven
// (tests/browser/profile.mjs), nor what becomes of the numbers (report.mjs).
import { cpuMs, now, watch } from '../../tests/browser/process_memory.mjs'
import { newFolder, openProfile, removeFolder } from '../../tests/browser/profile.mjs'

const EDITS_TRACED = 5

const load = (page, { script, options }) =>
  page.evaluate(
    async ([script, options]) => {
      globalThis.engine = await import(script)
      const loaded = await globalThis.engine.load(options)
      return { ...loaded, since_navigation_ms: performance.now() }
    },
    [`./${script}`, options],
  )
const firstEdit = (page) => page.evaluate(() => globalThis.engine.firstEdit())

// Ready, then a first edit. cpu_ms: of the page's process until it is ready, first_edit_cpu_ms: and
// from there to the answer.
async function timedVisit({ page, renderer }, engine) {
  await page.bringToFront()
  const before = cpuMs(renderer)
  const loaded = await load(page, engine)
  const ready = cpuMs(renderer)
  const edited = await firstEdit(page)
  const first_edit_cpu_ms = cpuMs(renderer) - ready
  return { ...loaded, cpu_ms: ready - before, ...edited, first_edit_cpu_ms }
}

// The same bytes by fetch() alone.
const download = (page, files) =>
  page.evaluate(async (urls) => {
    const started = performance.now()
    for (const url of urls) {
      const reader = (await fetch(url, { cache: 'no-store' })).body.getReader()
      while (!(await reader.read()).done);
    }
    return performance.now() - started
  }, files)

// The page's own objects; the workers' heaps are in the process's memory only.
async function heap(page) {
  const session = await page.context().newCDPSession(page)
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}

// Above what the page has before any of the engine's code: at its most until ready and until the
// first edit's answer, and then.
async function memoryVisit(profile, engine) {
  const { page, renderer } = await profile.reload()
  const pids = { renderer, gpu: await profile.gpu() }
  const blank = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, now(pid)]))
  const stop = watch(pids)
  await load(page, engine)
  const ready = stop()
  const again = watch(pids)
  await firstEdit(page)
  const edited = again()
  const js_heap_bytes = await heap(page)
  const settled = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, now(pid)]))
  return { blank, ready, edited, settled, js_heap_bytes }
}

async function tasksVisit(profile, engine) {
  const { page } = await profile.reload()
  const loading = await profile.traced(() => load(page, engine))
  const editing = await profile.traced(() =>
    page.evaluate(
      (n) => globalThis.engine.firstEdit().then(() => globalThis.engine.edits(n)),
      EDITS_TRACED,
    ),
  )
  return { loading, editing }
}

// engine: {name, script, options, files: what it downloads, keeps: has it more to keep than the
// model, flags}. -> {cold, reload, second_tab, restart, memory, tasks, chromium}
export async function round(engine, url) {
  const at = `${url}/page/engine.html`
  const folder = newFolder()
  let profile
  try {
    profile = await openProfile(folder, at, engine.flags)
    const chromium = profile.version
    const { page } = await profile.reload()
    const download_ms = await download(page, engine.files)
    const cold = { download_ms, ...(await timedVisit(await profile.reload(), engine)) }
    if (engine.keeps) await page.evaluate(() => globalThis.engine.kept())
    const reload = await timedVisit(await profile.reload(), engine)
    const tab = await profile.secondTab()
    const second_tab = await timedVisit(tab, engine)
    await tab.page.close()
    await profile.close()
    profile = await openProfile(folder, at, engine.flags)
    const restart = await timedVisit(await profile.reload(), engine)
    await profile.close()
    profile = await openProfile(folder, at, engine.flags) // a process that has loaded nothing
    const memory = await memoryVisit(profile, engine)
    const tasks = await tasksVisit(profile, engine)
    return { cold, reload, second_tab, restart, memory, tasks, chromium }
  } finally {
    await profile?.close().catch(() => {})
    removeFolder(folder)
  }
}
