// The SDK's router in simulated networks and devices, beside always the server, always the device,
// and the device wherever it is there (what hybrid SDKs do). Real: nf_route (nearfield-route.wasm)
// and sdk/src/router, which sees the clock of the simulation. Not real: the two places (world.mjs)
// and time. Deterministic: the same seed gives the same figures on every machine. Exits 1 where the
// router is more than 5 % worse at p95 than the best of the three, or not better where conditions
// change.
//   node bench/route/run.mjs [--json] [--edits 10000] [--seed 1] [--only NAME]
import { readFileSync } from 'node:fs'
import { policies } from './policies.mjs'
import { scenarios } from './scenarios.mjs'
import { simulate } from './simulate.mjs'

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`)
  return i < 0 ? fallback : process.argv[i + 1]
}
const edits = Number(option('edits', 10_000))
const seed = Number(option('seed', 1))
const only = option('only', '')
const deadlineMs = 1500
const BASE = ['always_server', 'always_local', 'availability']

/** The router's p95 over the best of the three, and whether that is good enough. */
export function verdict({ changes = false, results }) {
  const best = Math.min(...BASE.map((name) => results[name].p95_ms))
  const ratio = results.nearfield.p95_ms / best
  return {
    best_p95_ms: best,
    ratio: Number(ratio.toFixed(3)),
    ok: changes ? ratio < 1 : ratio <= 1.05,
  }
}

async function main() {
  const wasm = new Uint8Array(
    readFileSync(new URL('../../build/wasm/nearfield-route.wasm', import.meta.url)),
  )
  const rows = []
  for (const scenario of scenarios) {
    if (!scenario.name.includes(only)) continue
    const results = {}
    for (const [name, start] of Object.entries(policies(wasm, deadlineMs))) {
      results[name] = await simulate(scenario, start, { edits, seed, deadlineMs })
    }
    const row = { name: scenario.name, changes: scenario.changes ?? false, results }
    rows.push({ ...row, ...verdict(row) })
    if (!process.argv.includes('--json')) print(rows.at(-1))
  }
  const failed = rows.filter((row) => !row.ok)
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ edits, seed, deadline_ms: deadlineMs, scenarios: rows }, null, 1))
  for (const { name, ratio } of failed) console.error(`${name}: ${ratio} of the best at p95`)
  process.exitCode = failed.length > 0 ? 1 : 0
}

function print({ name, changes, results, ratio, ok }) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}${changes ? ' (changes)' : ''}: ${ratio}`)
  for (const [policy, r] of Object.entries(results)) {
    const times = `p50 ${r.p50_ms} p95 ${r.p95_ms} p99 ${r.p99_ms} ms`
    const money = `${r.usd} USD (${r.wasted_usd} wasted)`
    const device = `${r.device_s} s on device (${r.wasted_device_s} wasted)`
    console.log(
      `     ${policy.padEnd(18)} ${times}, ${r.missed} missed, ${r.on_device} local, ${money}, ${device}`,
    )
  }
}

if (import.meta.main ?? process.argv[1]?.endsWith('bench/route/run.mjs')) await main()
