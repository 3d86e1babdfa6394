// What a page carries of a model on the CPU, in Chromium over the real model from storage: memory
// of its process above the model's file, and how long its main thread is held. By the kernel's own
// peak and the thread's own time, which other work on the machine does not change. The figures
// themselves: ./dev bench load.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { now, watch } from '../process_memory.mjs'
import { newFolder, openProfile, removeFolder } from '../profile.mjs'
import { manifestOf } from '../serve.mjs'
import { openModel, serveSdk } from './page.mjs'

const TIMEOUT = { timeout: 120_000 }
// The goal is 60 MiB; when the collector runs is worth some MiB more or less.
const ABOVE_FILE_BYTES_MAX = 80 * 2 ** 20
const TASK_CPU_MS_MAX = 50
const TEXT = 'i has two cats and they is cute'

let server
let folder
let profile
before(async () => {
  server = await serveSdk(true)
  folder = newFolder()
  profile = await openProfile(folder, server.origin)
  await loaded(profile)
  await opened(profile) // to storage
  await edited(profile)
  await profile.close()
  profile = await openProfile(folder, server.origin) // a process that has loaded nothing
}, TIMEOUT)
after(async () => {
  await profile?.close()
  await server?.close()
  if (folder) removeFolder(folder)
})

// Waiting brings Playwright's own script into the page: it is no part of what is measured.
const loaded = ({ page }) => page.waitForFunction(() => window.sdk !== undefined)
const opened = ({ page }) => openModel(page, { threads: 2, backend: 'wasm' })
const edited = ({ page }, text = TEXT) =>
  page.evaluate((text) => window.nf.edit({ task: 'fix', text }), text)

test(
  'a stored model: the file and 80 MiB at most, until the first edit is answered',
  TIMEOUT,
  async () => {
    server.log.length = 0
    const { renderer } = await profile.reload()
    await loaded(profile)
    const blank = now(renderer).rss_bytes
    const stop = watch({ renderer })
    const { status } = await opened(profile)
    assert.equal(status.cached, true)
    await edited(profile)
    const peak = stop().renderer.rss_bytes - blank
    const { bytes } = manifestOf()
    const sent = server.log.filter(({ path }) => path.endsWith('.gguf'))
    assert.deepEqual(sent, [], 'nothing of the model is fetched again')
    assert.ok(peak > bytes, `${peak} bytes: the model is not in there`)
    assert.ok(peak <= bytes + ABOVE_FILE_BYTES_MAX, `${peak} bytes for a file of ${bytes}`)
    console.log(`# above the file: ${((peak - bytes) / 2 ** 20).toFixed(1)} MiB`)
  },
)

test('the main thread is never held, loading or editing', TIMEOUT, async () => {
  await profile.reload()
  await loaded(profile)
  const loading = await profile.traced(() => opened(profile))
  const editing = await profile.traced(() => edited(profile, `${TEXT} two`))
  for (const { n, cpu_ms } of [loading, editing]) {
    assert.ok(n > 10, `${n} tasks traced`)
    assert.ok(cpu_ms <= TASK_CPU_MS_MAX, `a task of ${cpu_ms} ms`)
  }
  console.log(`# longest task: loading ${loading.cpu_ms} ms, editing ${editing.cpu_ms} ms`)
})
