// ./dev bench engine [--json] [--rounds N] [--only native|wasm]: our engine and its peers over
// the same model, on this machine, in one run. One JSON object on stdout, progress on stderr.
//
// Owns what is asked of each engine and the names of the numbers: each engine's median over
// interleaved rounds. The work, the same for each: a prefix is cached (128 tokens for ours, which
// times itself: nf_bench; the 115 of bench edit's for the peers); decode = 32 tokens one at a time
// after it; rows32 (prompt) = 32 tokens after it in one pass, logits of the last only.
// Does not know how an engine is driven: peers/native.mjs, peers/browser.mjs.
import { statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { median } from '../edit/page/report.mjs'
import { browserEngines } from '../peers/browser.mjs'
import { nativeEngines } from '../peers/native.mjs'
import { cpuName, interleaved, modelPath, say } from '../peers/rounds.mjs'

const SLACK_BYTES = 48 * 2 ** 20 // the limit we keep: peak host memory <= file + KV cache + 48 MiB

function options(args) {
  const chosen = { rounds: 5, only: null, json: false }
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--json') chosen.json = true
    else if (args[i] === '--rounds' && Number(args[i + 1]) > 0) chosen.rounds = Number(args[++i])
    else if (args[i] === '--only' && ['native', 'wasm'].includes(args[i + 1])) {
      chosen.only = args[++i]
    } else {
      process.stderr.write('usage: bench engine [--json] [--rounds N] [--only native|wasm]\n')
      process.exit(2)
    }
  }
  return chosen
}

// Names of an engine's numbers. Two native threads are the main comparison and carry its plain keys.
const places = {
  native1: 'native.threads1.',
  native2: 'native.',
  wasm1: 'wasm.threads1.',
  wasm2: 'wasm.threads2.',
}
const peer = (engine) => (engine.name === 'nearfield' ? '' : `${engine.name}_`)

// "a.b.c" -> nested objects, so that `report.wasm.threads1` holds all of one place.
function put(report, key, value) {
  const names = key.split('.')
  const last = names.pop()
  let at = report
  for (const name of names) at = at[name] ??= {}
  at[last] = Math.round(value * 10) / 10
}

function summarize(report, results) {
  for (const [engine, rounds] of results) {
    const at = `${places[engine.place]}${peer(engine)}`
    const rows = engine.name === 'nearfield' ? 'rows32' : 'prompt'
    put(report, `${at}decode_tok_s`, median(rounds.map((r) => r.decode_tok_s)))
    put(report, `${at}${rows}_tok_s`, median(rounds.map((r) => r.rows32_tok_s)))
  }
}

function nativeMemory({ engines }, file_bytes) {
  const of = (name, key) =>
    Math.max(...engines.filter((e) => e.name === name).map((e) => e.memory()[key] ?? 0)) || null
  const peak = of('nearfield', 'process_peak_bytes')
  const session = of('nearfield', 'session_bytes')
  const kv = of('nearfield', 'kv_bytes')
  const limit = session === null ? null : file_bytes + (kv ?? session) + SLACK_BYTES
  return {
    peak_bytes: peak,
    kv_bytes: kv,
    session_bytes: session,
    limit_bytes: limit,
    within_limit: limit === null ? null : peak <= limit,
    llamacpp_peak_bytes: of('llamacpp', 'process_peak_bytes'),
  }
}

function browserMemory({ engines, blank_bytes }) {
  const found = { blank_page_bytes: blank_bytes }
  for (const engine of engines) {
    const threads = engine.place.replace('wasm', 'threads')
    found[`${threads}.${peer(engine)}renderer_peak_bytes`] = engine.memory().renderer_peak_bytes
  }
  return found
}

async function main() {
  const { rounds, only, json } = options(process.argv.slice(2))
  const { model, cache } = modelPath()
  const context = {
    model,
    cache,
    say,
    threads: [1, 2],
    backends: ['wasm'],
    peers: ['wllama', 'transformersjs'],
    versions: { node: process.version },
    left_out: {},
  }
  const report = {
    bench: 'engine',
    rounds,
    model: path.basename(model),
    file_bytes: statSync(model).size,
    cpu: `${cpuName()}, ${os.availableParallelism()} cores`,
    versions: context.versions,
    left_out: context.left_out,
    memory: {},
  }
  const groups = { native: nativeEngines, wasm: browserEngines }
  for (const [name, start] of Object.entries(groups)) {
    if (only && only !== name) continue
    const group = await start(context)
    try {
      const results = await interleaved(
        group.engines,
        rounds,
        context.left_out,
        async (engine, round) => {
          const one = await engine.speeds()
          const [decode, rows] = [one.decode_tok_s, one.rows32_tok_s].map((x) =>
            x.toFixed(1).padStart(7),
          )
          const who = `${engine.name}.${engine.place}`.padEnd(24)
          say(`round ${round}/${rounds} ${who} decode ${decode}  32 rows ${rows} tok/s`)
          return one
        },
      )
      summarize(report, results)
      for (const { name: who, opened } of results.keys()) {
        context.versions[who === 'llamacpp' ? who : `${who}_${name}`] = opened.version
      }
      report.memory[name] =
        name === 'native' ? nativeMemory(group, report.file_bytes) : browserMemory(group)
    } finally {
      await group.close()
    }
  }
  for (const [what, why] of Object.entries(context.left_out)) say(`left out: ${what}: ${why}`)
  const oursMissing = Object.keys(context.left_out).filter((what) => what.startsWith('nearfield'))
  if (oursMissing.length > 0) process.exitCode = 1
  process.stdout.write(`${JSON.stringify(report, null, json ? 0 : 2)}\n`)
}

main().catch((error) => {
  say(error.stack ?? String(error))
  process.exit(1)
})
