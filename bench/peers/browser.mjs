// Browser engines of the benchmarks: ours through the SDK, wllama, transformers.js, on wasm and on
// WebGPU. Owns one Chromium for all of them, with an ordinary profile (in a private one the storage
// a model is kept in is another process's memory, ten times slower), and a site for each, so that
// each has its own renderer process and storage. What an engine does in its page: page/*.js. Does
// not know how results are read.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { npmPeer, onnxExport, versions } from './install.mjs'
import { firstLine, resident, root } from './rounds.mjs'
import { modelManifest, serve } from './serve.mjs'

async function processes(session, type) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  return processInfo.filter((p) => p.type === type).map(({ id }) => ({ pid: id, ...resident(id) }))
}

const gpuBytes = async (session) => (await processes(session, 'GPU'))[0]?.bytes ?? 0

// Which engines can be asked for: {name, script, mounts}. A peer that cannot be fetched is left out.
async function kinds(context) {
  const list = []
  const sdk = path.join(root, 'sdk/dist')
  if (existsSync(path.join(sdk, 'nearfield.wasm'))) {
    list.push({ name: 'nearfield', script: 'nearfield.js', mounts: { '/sdk/': sdk } })
  } else {
    context.left_out['nearfield in the browser'] = 'sdk/dist is missing (./dev build sdk)'
  }
  const npm = (name, version) => npmPeer(context.cache, name, version, context.say)
  const peers = {
    wllama: async () => ({
      '/wllama/': path.join(await npm('@wllama/wllama', versions.wllama), '@wllama/wllama/esm'),
    }),
    transformersjs: async () => ({
      '/onnx/': await onnxExport(context.cache, context.model, context.say),
      '/npm/': await npm('@huggingface/transformers', versions.transformersjs),
    }),
  }
  for (const [name, mounts] of Object.entries(peers)) {
    if (!context.peers.includes(name)) continue
    const script = name === 'wllama' ? 'wllama.js' : 'transformers.js'
    try {
      list.push({ name, script, mounts: await mounts() })
    } catch (error) {
      context.left_out[name] = firstLine(error)
    }
  }
  return list
}

// The renderer a page just opened runs in: Chromium does not say, but it is the largest one that
// no engine before it has claimed (spare renderers are empty).
async function claim(session, claimed) {
  const free = (await processes(session, 'renderer'))
    .filter((p) => !claimed.has(p.pid))
    .sort((a, b) => b.peak_bytes - a.peak_bytes)
  if (free.length > 0) claimed.add(free[0].pid)
  return free[0]?.pid ?? 0
}

async function open({ profile, session, port, claimed }, kind, place, context) {
  const page = await profile.newPage()
  page.on('pageerror', (error) => context.say(`${kind.name}: ${error.message}`))
  const gpuBefore = await gpuBytes(session)
  const webgpu = place.backend === 'webgpu'
  const site = `http://${kind.name}-${place.key}.localhost:${port}`
  await page.goto(`${site}/page/engine.html${webgpu ? '?webgpu' : ''}`)
  const file = `/model/${encodeURIComponent(path.basename(context.model))}`
  let opened
  try {
    opened = await page.evaluate(
      async ([script, options]) => {
        globalThis.engine = await import(script)
        return globalThis.engine.open(options)
      },
      [`./${kind.script}`, { ...place, model: '/model/', file }],
    )
  } catch (error) {
    await page.close()
    throw error
  }
  const pid = await claim(session, claimed)
  const gpu_process_bytes = webgpu ? Math.max(0, (await gpuBytes(session)) - gpuBefore) : null
  context.say(
    `${kind.name} ${place.key}: ready in ${Math.round(opened.load_ms)} ms (${opened.version})`,
  )
  return {
    name: kind.name,
    place: place.key,
    opened,
    async edits(n) {
      await page.bringToFront()
      return page.evaluate((k) => globalThis.engine.edits(k), n)
    },
    async speeds() {
      await page.bringToFront()
      return page.evaluate(() => globalThis.engine.speeds())
    },
    memory: () => ({ renderer_peak_bytes: resident(pid).peak_bytes, gpu_process_bytes }),
  }
}

// Where each engine runs: wasm1, wasm2, webgpu.
const placesOf = (context) =>
  context.backends.flatMap((backend) =>
    backend === 'webgpu'
      ? [{ key: 'webgpu', backend, threads: 1 }]
      : context.threads.map((threads) => ({ key: `wasm${threads}`, backend, threads })),
  )

// -> {engines, close}. One Chromium for all; `context.chromiumFlags` choose its GPU,
// `context.mounts` are served too, `context.before(page)` is asked before any engine opens.
export async function browserEngines(context) {
  const list = await kinds(context)
  const mounts = {
    '/page/': path.join(import.meta.dirname, 'page'),
    '/model/': path.dirname(context.model),
    ...context.mounts,
  }
  const server = await serve(Object.assign(mounts, ...list.map((k) => k.mounts)), {
    '/model/manifest.json': JSON.stringify(modelManifest(context.model)),
    '/captions.json': readFileSync(path.join(import.meta.dirname, 'captions.json'), 'utf8'),
  })
  const folder = mkdtempSync(path.join(tmpdir(), 'nearfield-bench-'))
  const profile = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', ...(context.chromiumFlags ?? [])],
  })
  const browser = profile.browser()
  const close = async () => {
    await profile.close()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    context.versions.chromium = browser.version()
    const session = await browser.newBrowserCDPSession()
    const claimed = new Set()
    const blank = await profile.newPage() // what a renderer weighs before it does anything
    await blank.goto(`${server.url}/page/engine.html`)
    await context.before?.(blank)
    const blank_bytes = resident(await claim(session, claimed)).peak_bytes
    const engines = []
    for (const place of placesOf(context)) {
      for (const kind of list) {
        try {
          const at = { profile, session, port: new URL(server.url).port, claimed }
          engines.push(await open(at, kind, place, context))
        } catch (error) {
          context.left_out[`${kind.name} ${place.key}`] = firstLine(error)
        }
      }
    }
    return { engines, blank_bytes, close }
  } catch (error) {
    await close()
    throw error
  }
}
