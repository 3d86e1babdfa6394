// Browser engines of the benchmark: ours through the SDK, wllama, transformers.js. Owns one Chromium, the server, and a browser context for each engine
// (so each has its own renderer process, whose memory is then its own).
// What an engine does in its page: page/*.js, each with the same two functions.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { npmRival, onnxExport, versions } from './rivals.mjs'
import { modelManifest, serve } from './serve.mjs'

// Largest resident set of each renderer process: pid -> bytes.
async function renderers(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  const peaks = new Map()
  for (const { type, id } of processInfo) {
    if (type !== 'renderer') continue
    try {
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))
      if (peak) peaks.set(id, Number(peak[1]) * 1024)
    } catch { /* it has just ended */ }
  }
  return peaks
}

// Which engines can run here: {name, script, key, rows, options}.
async function available(context, mounts) {
  const list = []
  const sdk = path.join(context.root, 'sdk/dist')
  if (existsSync(path.join(sdk, 'nearfield.wasm'))) {
    mounts['/sdk/'] = sdk
    list.push({ name: 'nearfield', script: 'nearfield.js', key: '', rows: 'rows32' })
  } else {
    context.left_out['nearfield wasm'] = 'sdk/dist is missing (./dev build sdk)'
  }
  try {
    mounts['/wllama/'] = path.join(await npmRival(context.cache, '@wllama/wllama', versions.wllama, context.say), '@wllama/wllama/esm')
    list.push({ name: 'wllama', script: 'wllama.js', key: 'wllama_', rows: 'prompt' })
  } catch (error) {
    context.left_out.wllama = error.message.split('\n')[0]
  }
  try {
    mounts['/onnx/'] = await onnxExport(context.cache, context.model, context.say)
    mounts['/npm/'] = await npmRival(context.cache, '@huggingface/transformers', versions.transformersjs, context.say)
    const graphs = readdirSync(path.join(mounts['/onnx/'], 'onnx'))
    const dtype = graphs.includes('model_quantized.onnx') ? 'q8' : graphs.includes('model_q4.onnx') ? 'q4' : 'fp32'
    list.push({ name: 'transformersjs', script: 'transformers.js', key: 'transformersjs_', rows: 'prompt', options: { dtype } })
  } catch (error) {
    context.left_out['transformers.js'] = error.message.split('\n')[0]
  }
  return list
}

// The renderer a page just opened runs in: Chromium does not say, but it is the largest one that
// no engine before it has claimed (spare renderers are empty).
async function claim(session, claimed) {
  const free = [...await renderers(session)].filter(([pid]) => !claimed.has(pid)).sort((a, b) => b[1] - a[1])
  if (free.length === 0) return { pid: 0, bytes: 0 }
  claimed.add(free[0][0])
  return { pid: free[0][0], bytes: free[0][1] }
}

async function open(browser, session, server, kind, threads, context, claimed) {
  const own = await browser.newContext()
  const page = await own.newPage()
  page.on('pageerror', (error) => context.say(`${kind.name}: ${error.message}`))
  await page.goto(`${server.url}/page/index.html`)
  const started = performance.now()
  const version = await page.evaluate(async ([script, options]) => {
    globalThis.engine = await import(`./${script}`)
    return globalThis.engine.open(options)
  }, [kind.script, { ...kind.options, threads, model: context.modelUrl, file: context.fileUrl }]).catch(async (error) => {
    await own.close()
    throw error
  })
  const { pid } = await claim(session, claimed)
  context.say(`${kind.name}, ${threads} threads: ready after ${Math.round(performance.now() - started)} ms (${version})`)
  if (version) context.versions[`${kind.name}_wasm`] = version
  return {
    name: `${kind.name} wasm, ${threads} thread${threads > 1 ? 's' : ''}`,
    decodeKey: `wasm.threads${threads}.${kind.key}decode_tok_s`,
    rowsKey: `wasm.threads${threads}.${kind.key}${kind.rows}_tok_s`,
    memoryKey: `threads${threads}.${kind.key}renderer_peak_bytes`,
    pid,
    async round() {
      await page.bringToFront()
      return page.evaluate(() => globalThis.engine.round())
    },
  }
}

export async function browserEngines(context) {
  const mounts = { '/page/': path.join(import.meta.dirname, 'page'), '/model/': path.dirname(context.model) }
  const kinds = await available(context, mounts)
  const server = await serve(mounts, {
    '/model/manifest.json': JSON.stringify(modelManifest(context.model)),
  })
  const browser = await chromium.launch({ executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  const close = async () => {
    await browser.close()
    server.close()
  }
  try {
    context.versions.chromium = browser.version()
    context.modelUrl = '/model/'
    context.fileUrl = `/model/${encodeURIComponent(path.basename(context.model))}`
    const session = await browser.newBrowserCDPSession()
    const engines = []
    const claimed = new Set()
    const blank = await browser.newPage() // what a renderer weighs before it does anything
    await blank.goto(`${server.url}/page/index.html`)
    const blankBytes = (await claim(session, claimed)).bytes
    for (const threads of [1, 2]) {
      for (const kind of kinds) {
        try {
          engines.push(await open(browser, session, server, kind, threads, context, claimed))
        } catch (error) {
          context.left_out[`${kind.name}, ${threads} threads`] = error.message.split('\n')[0]
        }
      }
    }
    return {
      engines,
      async memory() {
        const peaks = await renderers(session)
        const found = { blank_page_bytes: blankBytes }
        for (const engine of engines) found[engine.memoryKey] = peaks.get(engine.pid) ?? null
        return found
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
