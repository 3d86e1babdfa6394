// Browser engines of the edit benchmark: ours through the SDK, wllama, transformers.js, on wasm and
// on WebGPU. Owns one Chromium for all of them and a browser context for each (so each has its own
// renderer process). What an engine does in its page: page/*.js. Does not know how results are read.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { npmRival, onnxEditExport, versions } from '../engine/rivals.mjs'
import { modelManifest, serve } from '../engine/serve.mjs'

// Resident set of a process, in bytes: now and at its largest.
function resident(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    const kb = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1] ?? 0) * 1024
    return { bytes: kb('VmRSS'), peak_bytes: kb('VmHWM') }
  } catch {
    return { bytes: 0, peak_bytes: 0 } // it has just ended
  }
}

async function processes(session, type) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  return processInfo.filter((p) => p.type === type).map(({ id }) => ({ pid: id, ...resident(id) }))
}

const gpuBytes = async (session) => (await processes(session, 'GPU'))[0]?.bytes ?? 0

// Which engines can be asked for: {name, script, mounts}. A peer that cannot be fetched is left out.
async function kinds(context) {
  const list = []
  const sdk = path.join(context.root, 'sdk/dist')
  if (existsSync(path.join(sdk, 'nearfield.wasm'))) list.push({ name: 'nearfield', script: 'nearfield.js', mounts: { '/sdk/': sdk } })
  else context.left_out['nearfield in the browser'] = 'sdk/dist is missing (./dev build sdk)'
  const peers = {
    wllama: async () => ({ '/wllama/': path.join(await npmRival(context.cache, '@wllama/wllama', versions.wllama, context.say), '@wllama/wllama/esm') }),
    transformersjs: async () => ({
      '/onnx/': await onnxEditExport(context.cache, context.model, context.say),
      '/npm/': await npmRival(context.cache, '@huggingface/transformers', versions.transformersjs, context.say),
    }),
  }
  for (const [name, mounts] of Object.entries(peers)) {
    if (!context.peers.includes(name)) continue
    try {
      list.push({ name, script: name === 'wllama' ? 'wllama.js' : 'transformers.js', mounts: await mounts() })
    } catch (error) {
      context.left_out[name] = error.message.split('\n')[0]
    }
  }
  return list
}

// The renderer a page just opened runs in: Chromium does not say, but it is the largest one that
// no engine before it has claimed (spare renderers are empty).
async function claim(session, claimed) {
  const free = (await processes(session, 'renderer')).filter((p) => !claimed.has(p.pid)).sort((a, b) => b.peak_bytes - a.peak_bytes)
  if (free.length > 0) claimed.add(free[0].pid)
  return free[0]?.pid ?? 0
}

async function open(browser, session, url, kind, place, context, claimed) {
  const own = await browser.newContext()
  const page = await own.newPage()
  page.on('pageerror', (error) => context.say(`${kind.name}: ${error.message}`))
  const gpuBefore = await gpuBytes(session)
  await page.goto(`${url}/page/${place.backend === 'webgpu' ? 'engine_webgpu' : 'engine'}.html`)
  const opened = await page.evaluate(async ([script, options]) => {
    globalThis.engine = await import(script)
    return globalThis.engine.open(options)
  }, [`./${kind.script}`, { ...place, model: context.modelUrl, file: context.fileUrl }]).catch(async (error) => {
    await own.close()
    throw error
  })
  const pid = await claim(session, claimed)
  const gpu_process_bytes = place.backend === 'webgpu' ? Math.max(0, await gpuBytes(session) - gpuBefore) : null
  context.say(`${kind.name} ${place.key}: ready in ${Math.round(opened.load_ms)} ms (${opened.version})`)
  return {
    name: kind.name, place: place.key, opened,
    edits: async (n) => { await page.bringToFront(); return page.evaluate((k) => globalThis.engine.edits(k), n) },
    speeds: async () => { await page.bringToFront(); return page.evaluate(() => globalThis.engine.speeds()) },
    memory: () => ({ renderer_peak_bytes: resident(pid).peak_bytes, gpu_process_bytes }),
  }
}

// Where each engine runs: wasm1, wasm2, webgpu.
const placesOf = (context) => context.backends.flatMap((backend) => backend === 'webgpu'
  ? [{ key: 'webgpu', backend, threads: 1 }]
  : context.threads.map((threads) => ({ key: `wasm${threads}`, backend, threads })))

// -> {engines, adapter, gpu: its rates, close}. One Chromium for all; `context.chromiumFlags` choose its GPU.
export async function browserEngines(context) {
  const list = await kinds(context)
  const mounts = Object.assign({ '/page/': path.join(import.meta.dirname, 'page'), '/model/': path.dirname(context.model) }, ...list.map((k) => k.mounts))
  const server = await serve(mounts, {
    '/model/manifest.json': JSON.stringify(modelManifest(context.model)),
    '/captions.json': readFileSync(path.join(import.meta.dirname, 'captions.json'), 'utf8'),
  })
  const browser = await chromium.launch({ executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', ...context.chromiumFlags] })
  const close = async () => {
    await browser.close()
    server.close()
  }
  try {
    context.versions.chromium = browser.version()
    context.modelUrl = '/model/'
    context.fileUrl = `/model/${encodeURIComponent(path.basename(context.model))}`
    const session = await browser.newBrowserCDPSession()
    const claimed = new Set()
    const blank = await browser.newPage() // what a renderer weighs before it does anything
    await blank.goto(`${server.url}/page/engine.html`)
    const adapter = await blank.evaluate(async () => (await import('./work.js')).adapterFacts())
    const gpu = context.backends.includes('webgpu')
      ? await blank.evaluate(async (small) => (await import('./roofline.js')).measure({ small }), !context.vendor) : null
    context.memory.blank_renderer_bytes = resident(await claim(session, claimed)).peak_bytes
    if (context.backends.includes('webgpu') && context.vendor && adapter?.vendor !== context.vendor) {
      throw new Error(`the adapter is ${JSON.stringify(adapter)}, --vendor wants ${context.vendor}`)
    }
    const engines = []
    for (const place of placesOf(context)) {
      for (const kind of list) {
        try {
          engines.push(await open(browser, session, server.url, kind, place, context, claimed))
        } catch (error) {
          context.left_out[`${kind.name} ${place.key}`] = error.message.split('\n')[0]
        }
      }
    }
    return { engines, adapter, gpu, close }
  } catch (error) {
    await close()
    throw error
  }
}
