// ./dev bench engine [--json] [--rounds N] [--only native|wasm]: our engine and its rivals over
// the same model, on this machine, in one run. One JSON object on stdout, progress on stderr.
//
// Owns the order of work: rounds are interleaved (each engine once, then all again), and what is
// reported is each engine's median, so a slow minute of the machine hits all of them.
// The work, the same for each: a prefix of 128 tokens is cached; decode = 32 tokens one at a
// time after it; rows32 (prompt) = 32 tokens after it in one pass, logits of the last only.
// Does not know how an engine is driven: native.mjs, browser.mjs. Rivals are installed into the
// user's cache on first use: rivals.mjs.
import { existsSync, readFileSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { browserEngines } from './browser.mjs'
import { nativeEngines } from './native.mjs'

const root = path.resolve(import.meta.dirname, '../..')
const say = (text) => process.stderr.write(`bench: ${text}\n`)

function options(args) {
  const chosen = { rounds: 5, only: null, json: false }
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--json') chosen.json = true
    else if (args[i] === '--rounds' && Number(args[i + 1]) > 0) chosen.rounds = Number(args[++i])
    else if (args[i] === '--only' && ['native', 'wasm'].includes(args[i + 1])) chosen.only = args[++i]
    else {
      process.stderr.write('usage: bench engine [--json] [--rounds N] [--only native|wasm]\n')
      process.exit(2)
    }
  }
  return chosen
}

function modelPath() {
  const cache = process.env.NEARFIELD_CACHE ??
    path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'nearfield')
  const model = process.env.NEARFIELD_MODEL ?? path.join(cache, 'models/SmolLM2-135M-Instruct.Q4_1.gguf')
  if (!existsSync(model)) {
    say(`${model}: no such model; ./dev model fetches it, or set NEARFIELD_MODEL`)
    process.exit(1)
  }
  return { model, cache: path.join(cache, 'bench') }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

// Every engine once a round. Engine: {name, round() -> {decode_tok_s, rows_tok_s}}. One that
// fails is left out from then on, and the report says why.
async function measure(engines, rounds, leftOut) {
  const results = new Map(engines.map((engine) => [engine, []]))
  for (let i = 0; i < rounds; i++) {
    for (const engine of [...results.keys()]) {
      let one
      try {
        one = await engine.round()
      } catch (error) {
        leftOut[engine.name] = error.message.split('\n')[0]
        results.delete(engine)
        continue
      }
      results.get(engine).push(one)
      const fixed = (x) => x.toFixed(1).padStart(7)
      say(`round ${i + 1}/${rounds} ${engine.name.padEnd(28)} decode ${fixed(one.decode_tok_s)}  32 rows ${fixed(one.rows_tok_s)} tok/s`)
    }
  }
  return results
}

// "a.b.c" -> nested objects, as targets.md and the issue name the keys.
function put(report, key, value) {
  const names = key.split('.')
  const last = names.pop()
  let at = report
  for (const name of names) at = at[name] ??= {}
  at[last] = value
}

function summarize(report, results) {
  for (const [engine, rounds] of results) {
    const round1 = (x) => Math.round(x * 10) / 10
    put(report, engine.decodeKey, round1(median(rounds.map((r) => r.decode_tok_s))))
    put(report, engine.rowsKey, round1(median(rounds.map((r) => r.rows_tok_s))))
  }
}

async function main() {
  const { rounds, only, json } = options(process.argv.slice(2))
  const { model, cache } = modelPath()
  const context = { root, model, cache, say, versions: { node: process.version }, left_out: {} }
  const report = {
    bench: 'engine', rounds, model: path.basename(model), file_bytes: statSync(model).size,
    cpu: `${/model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? os.arch()}, ${os.availableParallelism()} cores`,
    versions: context.versions, left_out: context.left_out, memory: {},
  }
  const groups = [['native', nativeEngines], ['wasm', browserEngines]]
  for (const [name, start] of groups) {
    if (only && only !== name) continue
    const group = await start(context)
    try {
      summarize(report, await measure(group.engines, rounds, context.left_out))
      report.memory[name] = await group.memory()
    } finally {
      await group.close()
    }
  }
  for (const [what, why] of Object.entries(context.left_out)) say(`left out: ${what}: ${why}`)
  const oursMissing = Object.keys(context.left_out).filter((what) => what.startsWith('nearfield'))
  if (oursMissing.length > 0) process.exitCode = 1
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`)
}

main().catch((error) => {
  say(error.stack ?? String(error))
  process.exit(1)
})
