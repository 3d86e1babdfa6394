// Runs the kernel cases inside WebAssembly: node run_kernel.mjs MODULE.wasm [--bench].
// Every table of the module against kernel_ref, the memory of os_wasm.c, and the thread pool
// over workers (threads.mjs). Last line "N passed, N failed".
// --bench prints one JSON object with GB/s, GMAC/s and ns instead.
import { openModule } from './threads.mjs'

if (Number(process.versions.node.split('.')[0]) < 22) {
  console.error('node 22 or newer is needed: older ones compute relaxed SIMD wrongly')
  process.exit(2)
}

const { e, memory, threads, close } = await openModule(process.argv[2])

function text(at) {
  if (at === 0) return null
  const bytes = new Uint8Array(memory.buffer, at)
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)))
}
function name(s) {
  const at = e.text_buffer()
  new Uint8Array(memory.buffer, at, 64).set(new TextEncoder().encode(`${s}\0`))
  return at
}
const tables = ['ref', 'scalar', 'simd128', 'relaxed', 'relaxed32'].filter((t) =>
  e.table_has(name(t)),
)

function bench() {
  const types = { Q4_0: 2, Q4_1: 3, Q8_0: 8 }
  const out = { node: process.version, best: text(e.table_best()) }
  const asked = process.argv.slice(3).filter((t) => tables.includes(t))
  for (const table of asked.length > 0 ? asked : tables.filter((t) => t !== 'ref')) {
    out[table] = {}
    for (const [type, id] of Object.entries(types)) {
      for (const m of [1, 2, 4, 8, 32]) {
        const rows = m === 1 ? 98304 : 1536
        const key = `${type}.${m === 1 ? 'stream' : 'layer'}.m${m}`
        const gmac_s = e.measure_product(name(table), id, rows, 576, m, 1)
        out[table][key] = Number(gmac_s.toFixed(2))
      }
    }
    for (const m of [32, 1]) {
      // many rows first: the engine compiles hot code better as it runs
      const ns = new Float64Array(memory.buffer, e.measure_around(name(table), m, 150), 5)
      const [rms_norm, rows_quantize, rope, attention, swiglu] = [...ns].map(Math.round)
      out[table][`layer_ns.m${m}.keys150`] = { rms_norm, rows_quantize, rope, attention, swiglu }
    }
  }
  console.log(JSON.stringify(out, null, 1))
}

async function test() {
  let passed = 0
  let failed = 0
  const check = (what, wrong) => {
    if (wrong) {
      failed++
      console.log(`FAILED ${what}: ${wrong}`)
    } else {
      passed++
    }
  }
  console.log(`tables: ${tables.join(' ')}; best: ${text(e.table_best())}`)
  for (const table of tables) {
    for (let i = 0; e.case_name(i) !== 0; i++) {
      check(`${table}: ${text(e.case_name(i))}`, text(e.case_run(name(table), i)))
    }
  }
  const wrong = e.memory_try()
  check('memory blocks', wrong && `check ${wrong}`)
  // no compiler may drop it: pool.c counts on what it lasts. Often, so that the best one is at work
  const ns = Math.min(...Array.from({ length: 300 }, () => e.pause_ns()))
  check('a pause lasts', ns >= 5 ? null : `${ns} ns`)
  check('a pool without workers has one thread', e.pool_try(4) === 1 ? null : 'more')
  await threads(3)
  check('three workers are parked', e.os_threads_parked() === 3 ? null : e.os_threads_parked())
  for (const n of [2, 4, 3, 4]) {
    const got = e.pool_try(n) // more threads than the cores here: still ends
    check(`pool of ${n}`, got === n ? null : `got ${got}`)
  }
  check('all are parked again', e.os_threads_parked() === 3 ? null : e.os_threads_parked())
  await close()
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (process.argv.includes('--bench')) bench()
else await test()
