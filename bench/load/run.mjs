// ./dev bench load: how long until an engine is ready and until its first edit, what memory that
// takes and how long it holds the page's main thread, beside its peers from their own caches, on
// the CPU of this machine. Chromium, the real model, nearfield-server on loopback. One JSON object
// on stdout, progress on stderr.
//
// Owns the options and the order of work: rounds are interleaved, every engine in a Chromium and a
// profile of its own. What a visit is: visits.mjs; how numbers are made: report.mjs. Peers are
// development tools of bench/ alone, fetched into the user's cache (peers/install.mjs).
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { npmPeer, onnxExport, versions } from '../peers/install.mjs'
import { cpuName, firstLine, interleaved, modelPath, root, say } from '../peers/rounds.mjs'
import { goals, ratios, summary } from './report.mjs'
import { site } from './site.mjs'
import { round } from './visits.mjs'

const USAGE = `usage: bench load [--json] [--peer none|wllama|transformersjs] [--threads 1,2] [--repeats N]
                  [--beside FOLDER]
--beside: another checkout, built, measured in turns with this one as 'beside'
`

function options(args) {
  const chosen = {
    json: false,
    peers: ['wllama', 'transformersjs'],
    threads: [1, 2],
    repeats: 3,
    beside: null,
  }
  const readers = {
    '--peer': (v) => {
      chosen.peers = v === 'none' ? [] : (v ?? '').split(',')
      return chosen.peers.every((peer) => ['wllama', 'transformersjs'].includes(peer))
    },
    '--threads': (v) => {
      chosen.threads = (v ?? '').split(',').map(Number)
      return chosen.threads.every((n) => n >= 1 && n <= 8)
    },
    '--repeats': (v) => {
      chosen.repeats = Number(v)
      return chosen.repeats >= 1
    },
    '--beside': (v) => {
      chosen.beside = v
      return v && existsSync(path.join(v, 'sdk/dist/index.js'))
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

const large = (folder) =>
  readdirSync(folder, { recursive: true }).filter(
    (name) => statSync(path.join(folder, name)).size > 2 ** 20,
  )

// Which engines there are and the folders they are served from: {folders, kinds}.
async function engines(chosen, { model, cache }, leftOut) {
  const sdk = path.join(root, 'sdk/dist')
  const folders = { page: path.join(root, 'bench/peers/page'), sdk }
  const ours = { script: 'nearfield.js', keeps: true, fileBytes: statSync(model).size }
  const kinds = [{ ...ours, name: 'nearfield' }]
  if (chosen.beside) kinds.push({ ...ours, name: 'beside' })
  const npm = (name, version) => npmPeer(cache, name, version, say)
  const peers = {
    async wllama() {
      const at = await npm('@wllama/wllama', versions.wllama)
      folders.wllama = path.join(at, '@wllama/wllama/esm')
      return { script: 'wllama.js', fileBytes: ours.fileBytes }
    },
    async transformersjs() {
      const onnx = await onnxExport(cache, model, say)
      const at = await npm('@huggingface/transformers', versions.transformersjs)
      folders.onnx = onnx
      for (const name of [
        '@huggingface/transformers/dist',
        'onnxruntime-web/dist',
        'onnxruntime-common/dist',
      ])
        folders[`npm/${name}`] = path.join(at, name)
      const files = large(onnx).filter((name) => /quantized|tokenizer\.json/.test(name))
      return {
        script: 'transformers.js',
        files: files.map((name) => `/onnx/${name}`),
        fileBytes: files.reduce((n, name) => n + statSync(path.join(onnx, name)).size, 0),
      }
    },
  }
  for (const name of chosen.peers) {
    try {
      kinds.push({ name, options: { cached: true }, ...(await peers[name]()) })
    } catch (error) {
      leftOut[name] = firstLine(error)
    }
  }
  return { folders, kinds }
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
  const at = modelPath()
  const report = {
    bench: 'load',
    command: `./dev bench load ${process.argv.slice(2).join(' ')}`.trim(),
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      os: `${os.type()} ${os.release()}`,
      memory_bytes: os.totalmem(),
      cpu: cpuName(),
      cores: os.availableParallelism(),
      load_average_before: os.loadavg().map((x) => Number(x.toFixed(2))),
    },
    model: path.basename(at.model),
    repeats: chosen.repeats,
    versions: { node: process.version },
    left_out: {},
  }
  const { folders, kinds } = await engines(chosen, at, report.left_out)
  const server = await site(folders, at.model)
  const sites = { beside: null }
  const stop = () => {
    server.close()
    sites.beside?.close()
  }
  process.once('SIGINT', () => {
    stop()
    process.exit(130)
  })
  try {
    if (chosen.beside) {
      const sdk = path.join(chosen.beside, 'sdk/dist')
      sites.beside = await site({ page: folders.page, sdk }, at.model, chosen.beside)
    }
    const list = chosen.threads.flatMap((threads) =>
      kinds.map((kind) => {
        const { url, model, file } = sites[kind.name] ?? server
        return {
          ...kind,
          place: `wasm${threads}`,
          url,
          files: kind.files ?? [file],
          options: { ...kind.options, backend: 'wasm', threads, model, file },
        }
      }),
    )
    const results = await interleaved(list, chosen.repeats, report.left_out, async (engine, i) => {
      const one = await round(engine, engine.url)
      report.versions.chromium = one.chromium
      const key = `${engine.name}.${engine.place}`.padEnd(20)
      const ms = (visit) => `${visit.load_ms.toFixed(0)} + ${visit.first_edit_ms.toFixed(0)}`
      say(
        `round ${i}/${chosen.repeats} ${key} ready + first edit, ms: cold ${ms(one.cold)}, reload ${ms(one.reload)}, second tab ${ms(one.second_tab)}, restart ${ms(one.restart)}`,
      )
      return one
    })
    for (const [engine, rounds] of results) {
      report[engine.name] ??= {}
      report[engine.name][engine.place] = summary(rounds, engine.fileBytes)
    }
  } finally {
    stop()
  }
  report.machine.load_average_after = os.loadavg().map((x) => Number(x.toFixed(2)))
  for (const [place, ours] of Object.entries(report.nearfield ?? {})) {
    report.goals = { ...report.goals, [place]: goals(ours) }
    for (const { name } of kinds.slice(1)) {
      const other = report[name]?.[place]
      if (!other) continue
      report.ratios = {
        ...report.ratios,
        [`${place}: nearfield over ${name}`]: ratios(ours, other),
      }
    }
  }
  for (const [what, why] of Object.entries(report.left_out)) say(`left out: ${what}: ${why}`)
  if (Object.keys(report.nearfield ?? {}).length < chosen.threads.length) process.exitCode = 1
  process.stdout.write(`${JSON.stringify(report, null, chosen.json ? 0 : 2)}\n`)
}

main().catch((error) => {
  say(error.stack ?? String(error))
  process.exit(1)
})
