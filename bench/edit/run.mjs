// ./dev bench edit: nearfield and its peers fixing the same 40 captions, with the same prompt and
// stop rule, in one run on this machine. One JSON object on stdout, progress on stderr.
//
// Owns the options and the order of work: rounds are interleaved (each engine's 40 captions and
// speed runs once, then all again), every engine is warm and has the constant prefix cached. Does
// not know how an engine is driven: peers/browser.mjs, peers/native.mjs; nor how numbers are made:
// page/report.mjs.
// Peers are development tools of bench/ alone, fetched into the user's cache (peers/install.mjs):
// wllama MIT, transformers.js Apache-2.0, onnxruntime-web MIT, llama.cpp MIT, onnxruntime-genai MIT.
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { browserEngines } from '../peers/browser.mjs'
import { nativeEngines, work } from '../peers/native.mjs'
import { cpuName, interleaved, modelPath, root, say } from '../peers/rounds.mjs'
import { promptCheck, ratios, summary } from './page/report.mjs'
import { gpuRoofline } from './page/roofline_table.mjs'
import { cpuRoofline } from './roofline.mjs'

const SWIFTSHADER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
const USAGE = `usage: bench edit [--json] [--peer none|wllama|transformersjs] [--threads 1,2] [--repeats N]
                  [--backend native,wasm,webgpu] [--captions N] [--vendor NAME] [--gpu-flags "..."]
--vendor: fail unless the WebGPU adapter is this one's (SwiftShader is "google": its times mean nothing)
--gpu-flags: Chromium's flags for the GPU; default: SwiftShader
`

function options(args) {
  const chosen = {
    json: false,
    peers: ['wllama', 'transformersjs'],
    threads: [1, 2],
    repeats: 3,
    backends: ['native', 'wasm'],
    captions: work.edits.length,
    vendor: null,
    flags: null,
  }
  const list = (text, allowed) => {
    const items = (text ?? '').split(',')
    return items.every((x) => allowed.includes(x)) ? items : null
  }
  const readers = {
    '--peer': (v) => {
      chosen.peers = v === 'none' ? [] : list(v, ['wllama', 'transformersjs'])
      return chosen.peers
    },
    '--threads': (v) => {
      chosen.threads = list(v, ['1', '2', '3', '4', '6', '8'])?.map(Number)
      return chosen.threads
    },
    '--backend': (v) => {
      chosen.backends = list(v, ['native', 'wasm', 'webgpu'])
      return chosen.backends
    },
    '--repeats': (v) => {
      chosen.repeats = Number(v)
      return chosen.repeats >= 1
    },
    '--captions': (v) => {
      chosen.captions = Number(v)
      return chosen.captions >= 1
    },
    '--vendor': (v) => {
      chosen.vendor = v
      return v
    },
    '--gpu-flags': (v) => {
      chosen.flags = v?.split(' ').filter(Boolean)
      return chosen.flags
    },
  }
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--json') chosen.json = true
    else if (!readers[args[i]]?.(args[++i])) {
      process.stderr.write(USAGE)
      process.exit(2)
    }
  }
  return chosen
}

// Both runs of every engine, round by round.
async function measure(engines, { repeats, captions }, context) {
  const results = await interleaved(engines, repeats, context.left_out, async (engine, round) => {
    const rows = await engine.edits(captions)
    const one = { rows, speeds: [await engine.speeds()] }
    const { p50_ms, decode_tok_s } = summary({ opened: engine.opened, ...one }, work)
    const key = `${engine.name}.${engine.place}`.padEnd(24)
    say(
      `round ${round}/${repeats} ${key} p50 ${p50_ms.toFixed(1).padStart(8)} ms, decode ${decode_tok_s.toFixed(1).padStart(7)} tok/s`,
    )
    return one
  })
  return [...results].map(([engine, rounds]) => ({
    engine,
    key: `${engine.name}.${engine.place}`,
    opened: engine.opened,
    rows: rounds.flatMap((r) => r.rows),
    speeds: rounds.flatMap((r) => r.speeds),
  }))
}

// What the page says of its GPU, before any engine runs. Refuses another vendor's than `vendor`.
async function gpuFacts(page, vendor) {
  const adapter = await page.evaluate(async () => (await import('./work.js')).adapterFacts())
  if (vendor && adapter?.vendor !== vendor) {
    throw new Error(`the adapter is ${JSON.stringify(adapter)}, --vendor wants ${vendor}`)
  }
  const gpu = await page.evaluate(
    async (small) => (await import('/edit/roofline.js')).measure({ small }),
    !vendor,
  )
  return { adapter, gpu }
}

function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: root,
      encoding: 'utf8',
    }).trim()
  } catch {
    return null
  }
}

async function main() {
  const chosen = options(process.argv.slice(2))
  const { model, cache } = modelPath()
  const context = {
    model,
    cache,
    say,
    peers: chosen.peers,
    threads: chosen.threads,
    versions: { node: process.version },
    left_out: {},
    memory: {},
    backends: chosen.backends.filter((b) => b !== 'native'),
    chromiumFlags: chosen.backends.includes('webgpu') ? (chosen.flags ?? SWIFTSHADER) : [],
    mounts: { '/edit/': path.join(import.meta.dirname, 'page') },
  }
  const report = {
    bench: 'edit',
    command: `./dev bench edit ${process.argv.slice(2).join(' ')}`.trim(),
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      os: `${os.type()} ${os.release()}`,
      memory_bytes: os.totalmem(),
      cpu: cpuName(),
      cores: os.availableParallelism(),
    },
    model: path.basename(model),
    file_bytes: statSync(model).size,
    captions: chosen.captions,
    repeats: chosen.repeats,
    versions: context.versions,
    left_out: context.left_out,
    memory: context.memory,
  }
  const groups = []
  const results = []
  try {
    if (chosen.backends.includes('native')) groups.push(await nativeEngines(context))
    if (context.backends.includes('webgpu')) {
      context.before = async (page) => Object.assign(report, await gpuFacts(page, chosen.vendor))
    }
    if (context.backends.length > 0) {
      const group = await browserEngines(context)
      groups.push(group)
      context.memory.blank_renderer_bytes = group.blank_bytes
    }
    results.push(
      ...(await measure(
        groups.flatMap((g) => g.engines),
        chosen,
        context,
      )),
    )
    for (const result of results) {
      const { name, place } = result.engine
      report[name] ??= {}
      report[name][place] = { ...summary(result, work), ...result.engine.memory() }
    }
  } finally {
    for (const group of groups) await group.close()
  }
  report.prompt = promptCheck(results)
  report.ratios = ratios(report, [...new Set(results.map((r) => r.engine.place))])
  report.roofline = await cpuRoofline(context, report)
  if (report.gpu)
    report.roofline = {
      ...report.roofline,
      webgpu: gpuRoofline(report.gpu, report.nearfield?.webgpu),
    }
  delete report.gpu
  for (const [what, why] of Object.entries(context.left_out)) say(`left out: ${what}: ${why}`)
  if (!report.prompt.equal)
    say(`the prompts differ: ${report.prompt.differing.slice(0, 3).join('; ')}`)
  if (!report.prompt.equal || !report.nearfield) process.exitCode = 1
  if (Object.keys(context.left_out).some((what) => what.startsWith('nearfield')))
    process.exitCode = 1
  process.stdout.write(`${JSON.stringify(report, null, chosen.json ? 0 : 2)}\n`)
}

main().catch((error) => {
  say(error.stack ?? String(error))
  process.exit(1)
})
