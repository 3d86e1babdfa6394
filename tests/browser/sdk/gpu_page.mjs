// What the tests of the SDK on WebGPU share: Chromium over SwiftShader, the tiny model, and a page
// whose GPU does what a test wants (gpu_faults.mjs). Owns no expectation but that of a quiet console.
import assert from 'node:assert/strict'
import { launch } from '../chromium.mjs'
import { hookOf } from './gpu_faults.mjs'
import { openPage, serveSdk, workerScript } from './page.mjs'
import { TINY, tinyPages } from './tiny.mjs'

export const TIMEOUT = { timeout: 240_000 }
/** Short: the tiny model knows no end, and SwiftShader takes its time. */
export const TEXT = 'it is'

/** withGpu(faults, act): act(nf calls) on a fresh profile, with the GPU that `faults` describes. */
export async function startGpu() {
  const worker = workerScript()
  const server = await serveSdk(true)
  Object.assign(server.pages, tinyPages())
  const browser = await launch({
    args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  })
  async function withGpu(faults, act) {
    server.pages['/sdk/engine.worker.js'] = Buffer.concat([Buffer.from(hookOf(faults)), worker])
    const { context, page, problems } = await openPage(browser, server)
    try {
      await act({
        open: (backend) => page.evaluate(openHere, [TINY, backend]),
        edit: (text = TEXT, more = {}) =>
          page.evaluate((request) => window.nf.edit(request), { task: 'fix', text, ...more }),
        adapter: () => page.evaluate((url) => window.nf.adapter(url), `${TINY}adapter.gguf`),
        say: (what) => page.evaluate(sayToGpu, what),
        page,
      })
      assert.deepEqual(problems, [])
    } finally {
      await context.close()
    }
  }
  const close = async () => {
    await browser.close()
    await server.close()
  }
  return { withGpu, close }
}

/** In the page: tells the engine's worker (gpu_faults.mjs); { devices, submits } that it had. */
function sayToGpu(what) {
  const channel = new BroadcastChannel('gpu-test')
  return new Promise((resolve) => {
    channel.onmessage = ({ data }) => {
      if (data.reached) return
      channel.close()
      resolve(data)
    }
    channel.postMessage(what)
  })
}

/** In the page: window.nf, or how opening it failed; window.told: the states told since, each with
 * its time in window.toldAt. */
async function openHere([model, backend]) {
  window.nf?.close()
  window.told = []
  window.toldAt = []
  try {
    window.nf = await window.sdk.Nearfield.open({
      model,
      onStatus: (s) => {
        window.told.push(`${s.state} ${s.backend} ${s.backendWhy}`)
        window.toldAt.push(performance.now())
      },
      ...(backend && { backend }),
    })
    return window.nf.status
  } catch (error) {
    return { code: error.code, message: error.message }
  }
}
export const outcomes = ({ receipt }) => receipt.attempts.map((a) => `${a.backend} ${a.outcome}`)
export const told = (page) => page.evaluate(() => window.told)
