// ./dev bench edit: nearfield and its peers fixing the same 40 captions, with the same prompt and
// stop rule, in one run on this machine. One JSON object on stdout, progress on stderr.
//
// Owns the options and the order of work: rounds are interleaved (each engine's 40 captions and
// speed runs once, then all again), every engine is warm and has the constant prefix cached. Does
// not know how an engine is driven: browser.mjs, native.mjs; nor how numbers are made: report.mjs.
// Peers are development tools of bench/ alone, fetched into the user's cache (engine/rivals.mjs):
// wllama MIT, transformers.js Apache-2.0, onnxruntime-web MIT, llama.cpp MIT, onnxruntime-genai MIT.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { browserEngines } from './browser.mjs'
import { nativeEngines } from './native.mjs'
import { promptCheck, ratios, summary } from './page/report.mjs'
import { gpuRoofline } from './page/roofline_table.mjs'
import { cpuRoofline } from './roofline.mjs'

const root = path.resolve(import.meta.dirname, '../..')
const work = JSON.parse(readFileSync(path.join(import.meta.dirname, 'captions.json'), 'utf8'))
const say = (text) => process.stderr.write(`bench: ${text}\n`)
const SWIFTSHADER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
const USAGE = `usage: bench edit [--json] [--peer none|wllama|transformersjs] [--threads 1,2] [--repeats N]
                  [--backend native,wasm,webgpu] [--captions N] [--vendor NAME] [--gpu-flags "..."]
--vendor: fail unless the WebGPU adapter is this one's (SwiftShader is "google": its times mean nothing)
--gpu-flags: Chromium's flags for the GPU; default: SwiftShader
`

function options(args) {
  const chosen = {
    json: false, peers: ['wllama', 'transformersjs'], threads: [1, 2], repeats: 3, backends: ['native', 'wasm'],
    captions: work.edits.length, vendor: null, flags: null,
  }
  const list = (text, allowed) => {
    const items = (text ?? '').split(',')
    return items.every((x) => allowed.includes(x)) ? items : null
  }
  const readers = {
    '--peer': (v) => { chosen.peers = v === 'none' ? [] : list(v, ['wllama', 'transformersjs']); return chosen.peers },
    '--threads': (v) => { chosen.threads = list(v, ['1', '2', '3', '4', '6', '8'])?.map(Number); return chosen.threads },
    '--backend': (v) => { chosen.backends = list(v, ['native', 'wasm', 'webgpu']); return chosen.backends },
    '--repeats': (v) => { chosen.repeats = Number(v); return chosen.repeats >= 1 },
    '--captions': (v) => { chosen.captions = Number(v); return chosen.captions >= 1 },
    '--vendor': (v) => { chosen.vendor = v; return v },
    '--gpu-flags': (v) => { chosen.flags = v?.split(' ').filter(Boolean); return chosen.flags },
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

function modelPath() {
  const cache = process.env.NEARFIELD_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'nearfield')
  const model = process.env.NEARFIELD_MODEL ?? path.join(cache, 'models/SmolLM2-135M-Instruct.Q4_1.gguf')
  if (!existsSync(model)) {
    say(`${model}: no such model; ./dev model fetches it, or set NEARFIELD_MODEL`)
    process.exit(1)
  }
  return { model, cache: path.join(cache, 'bench') }
}

// Every engine once a round; one that fails is left out from then on, and the report says why.
async function measure(engines, { repeats, captions }, context) {
  const results = engines.map((engine) => ({ engine, key: `${engine.name}.${engine.place}`, opened: engine.opened, rows: [], speeds: [] }))
  for (let round = 1; round <= repeats; round++) {
    for (const result of results) {
      if (result.failed) continue
      try {
        const rows = await result.engine.edits(captions)
        result.speeds.push(await result.engine.speeds())
        result.rows.push(...rows)
        const { p50_ms, decode_tok_s } = summary({ ...result, rows }, work)
        say(`round ${round}/${repeats} ${result.key.padEnd(24)} p50 ${p50_ms.toFixed(1).padStart(8)} ms, decode ${decode_tok_s.toFixed(1).padStart(7)} tok/s`)
      } catch (error) {
        result.failed = context.left_out[result.key] = error.message.split('\n')[0]
      }
    }
  }
  return results.filter((r) => !r.failed)
}

function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim()
  } catch {
    return null
  }
}

async function main() {
  const chosen = options(process.argv.slice(2))
  const { model, cache } = modelPath()
  const context = {
    root, model, cache, say, peers: chosen.peers, threads: chosen.threads, vendor: chosen.vendor, versions: { node: process.version },
    left_out: {}, memory: {}, backends: chosen.backends.filter((b) => b !== 'native'),
    chromiumFlags: chosen.backends.includes('webgpu') ? chosen.flags ?? SWIFTSHADER : [],
  }
  const report = {
    bench: 'edit', command: `./dev bench edit ${process.argv.slice(2).join(' ')}`.trim(), date: new Date().toISOString(), commit: commit(),
    machine: { os: `${os.type()} ${os.release()}`, memory_bytes: os.totalmem(), cpu: /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? os.arch(), cores: os.availableParallelism() },
    model: path.basename(model), file_bytes: statSync(model).size, captions: chosen.captions, repeats: chosen.repeats,
    versions: context.versions, left_out: context.left_out, memory: context.memory,
  }
  const groups = []
  const results = []
  try {
    if (chosen.backends.includes('native')) groups.push(await nativeEngines(context, work))
    if (context.backends.length > 0) groups.push(await browserEngines(context))
    const { adapter, gpu } = groups.at(-1) ?? {}
    if (context.backends.includes('webgpu')) Object.assign(report, { adapter, gpu })
    results.push(...await measure(groups.flatMap((g) => g.engines), chosen, context))
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
  if (report.gpu) report.roofline = { ...report.roofline, webgpu: gpuRoofline(report.gpu, report.nearfield?.webgpu) }
  delete report.gpu
  for (const [what, why] of Object.entries(context.left_out)) say(`left out: ${what}: ${why}`)
  if (!report.prompt.equal) say(`the prompts differ: ${report.prompt.differing.slice(0, 3).join('; ')}`)
  if (!report.prompt.equal || !report.nearfield) process.exitCode = 1
  if (Object.keys(context.left_out).some((what) => what.startsWith('nearfield'))) process.exitCode = 1
  process.stdout.write(`${JSON.stringify(report, null, chosen.json ? 0 : 2)}\n`)
}

main().catch((error) => {
  say(error.stack ?? String(error))
  process.exit(1)
})
