// The real model inside WebAssembly: node run_model.mjs MODULE.wasm MODEL.gguf [THREADS] [--bench]
// (node 22). Last logits and the greedy answer of every golden prompt against
// tests/data/golden_smollm2.json, with 1 and with THREADS threads bit for bit the same.
// Last line "N passed, N failed". --bench prints one JSON object with the fastest of
// repeated passes instead (a busy machine disturbs less). --captions N: how many edited captions
// are compared with one token a pass, with 1 and with THREADS threads (default 12; see
// tests/edit/lossless.h). --profile: where the time of passes of 2 to 64 rows goes, ms by kernel
// and thread, log P of every row asked for as in an edit's (bench/kernel/timed_table.h).
import { readFileSync } from 'node:fs'
import { fileIn, openCaptions, openThreaded, text } from './captions.mjs'

let nCaptions = 12

async function open(path, modelPath, nThreads, profiled = false) {
  const { e, memory, close } = await openThreaded(path, nThreads)
  if (profiled) e.profile_ask()
  const { at, bytes } = fileIn({ e, memory }, modelPath)
  const start = performance.now()
  const opened = e.engine_open(at, bytes, nThreads)
  const loadMs = performance.now() - start
  if (opened !== nThreads)
    throw new Error(`engine_open: ${opened} ${text(memory, e.engine_line())}`)
  return { e, memory, loadMs, close }
}

// Edited captions [0, n) against one token a pass: how many were equal, and a hash of the answers.
async function captions(path, modelPath, nThreads, n) {
  const engine = await openCaptions(path, modelPath, nThreads)
  const equal = engine.e.captions_compare(0, n)
  const out = {
    equal,
    hash: engine.e.captions_hash() >>> 0,
    wrong:
      equal < 0 ? `caption ${-1 - equal}: ${text(engine.memory, engine.e.captions_wrong())}` : '',
  }
  await engine.close()
  return out
}

function tokensSet(engine, tokens) {
  new Int32Array(engine.memory.buffer, engine.e.tokens_at(), tokens.length).set(tokens)
}
function logitsOf(engine, tokens) {
  tokensSet(engine, tokens)
  return new Float32Array(engine.memory.buffer, engine.e.tokens_run(tokens.length), 49152).slice()
}

async function test(modulePath, modelPath, nThreads) {
  let passed = 0
  let failed = 0
  const check = (what, right, detail = '') => {
    if (right) passed++
    else failed++
    if (!right) console.log(`FAILED ${what} ${detail}`)
  }
  const golden = JSON.parse(readFileSync(new URL('../data/golden_smollm2.json', import.meta.url)))
  const one = await open(modulePath, modelPath, 1)
  const many = await open(modulePath, modelPath, nThreads)
  console.log(
    `kernels ${text(one.memory, one.e.engine_kernels())}, load ${one.loadMs.toFixed(0)} ms`,
  )
  let largest = 0
  for (const p of golden.prompts) {
    const logits = logitsOf(one, p.tokens)
    const again = logitsOf(many, p.tokens)
    check(
      `${p.name}: threads`,
      logits.every((x, i) => x === again[i]),
    )
    const { top_ids, top_logits, greedy } = p.oracle
    for (let i = 0; i < golden.top; i++)
      largest = Math.max(largest, Math.abs(logits[top_ids[i]] - top_logits[i]))
    const clear = top_logits[0] - top_logits[1] > 2
    check(`${p.name}: top-1`, !clear || logits.indexOf(Math.max(...logits)) === top_ids[0])
    // plain greedy here, then the same answer as a draft: accepted whole, by both
    const answer = []
    for (let i = 0; i < 8; i++) {
      const row = logitsOf(one, [...p.tokens, ...answer])
      let best = 0
      for (let t = 1; t < row.length; t++) if (row[t] > row[best]) best = t
      answer.push(best)
    }
    for (const engine of [one, many]) {
      tokensSet(engine, [...p.tokens, ...answer])
      check(
        `${p.name}: draft`,
        engine.e.draft_verify(p.tokens.length, answer.length) === answer.length,
      )
    }
    check(`${p.name}: greedy`, answer[0] === greedy[0] || p.oracle.margin[0] < 2)
  }
  check('largest error', largest < 2, largest)
  console.log(`largest error ${largest.toFixed(3)}`)
  await one.close()
  await many.close()
  const single = await captions(modulePath, modelPath, 1, nCaptions)
  const threaded = await captions(modulePath, modelPath, nThreads, nCaptions)
  for (const run of [single, threaded])
    check('speculation', run.equal >= nCaptions * 0.8, run.wrong || run.equal)
  check('speculation: threads', single.hash === threaded.hash)
  console.log(`${single.equal} + ${threaded.equal} captions equal to one token a pass`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

async function bench(modulePath, modelPath, nThreads) {
  const engine = await open(modulePath, modelPath, nThreads)
  logitsOf(
    engine,
    Array.from({ length: 100 }, (_, i) => i * 37 + 11),
  )
  const rate = (...how) => Number(engine.e.pass_rate(...how, 2000).toFixed(1))
  const out = {
    decode_tok_s: rate(1, 1, 1),
    rows32_tok_s: rate(32, 32, 0),
    rows32_prompt_tok_s: rate(32, 1, 0),
    threads: nThreads,
    kernels: text(engine.memory, engine.e.engine_kernels()),
    load_ms: Number(engine.loadMs.toFixed(0)),
    memory_bytes: engine.memory.buffer.byteLength,
  }
  console.log(JSON.stringify(out))
  await engine.close()
}

// As timed_table.h's timed_kind.
const kinds = ['Q4_1', 'Q8_0', 'other types', 'attention', 'quantize', 'norm', 'swiglu', 'argmax']

async function profile(modulePath, modelPath, nThreads) {
  const engine = await open(modulePath, modelPath, nThreads, true)
  logitsOf(
    engine,
    Array.from({ length: 100 }, (_, i) => i * 37 + 11),
  )
  const ms = (ns) => Number((ns / 1e6).toFixed(2))
  const out = { threads: nThreads, kernels: text(engine.memory, engine.e.engine_kernels()) }
  for (const rows of [64, 32, 20, 8, 2]) {
    const at = engine.e.profile_pass(rows, rows, 1500)
    const all = new Float64Array(engine.memory.buffer, at, 1 + kinds.length * nThreads)
    out[`${rows} rows`] = {
      ms: ms(all[0]),
      threads: Array.from({ length: nThreads }, (_, t) => {
        const of = [...all.subarray(1 + t * kinds.length, 1 + (t + 1) * kinds.length)]
        const rest = all[0] - of.reduce((a, b) => a + b, 0)
        const timed = kinds.map((kind, i) => [kind, ms(of[i])]).filter(([, x]) => x > 0)
        return Object.fromEntries([...timed, ['rest and waiting', ms(rest)]])
      }),
    }
  }
  console.log(JSON.stringify(out, null, 1))
  await engine.close()
}

const flags = ['--bench', '--profile']
const args = process.argv.slice(2).filter((a) => !flags.includes(a))
const option = args.indexOf('--captions')
if (option >= 0) nCaptions = Number(args.splice(option, 2)[1])
const [modulePath, modelPath, threads] = args
const asked = flags.findIndex((flag) => process.argv.includes(flag))
const work = [test, bench, profile][asked + 1]
await work(modulePath, modelPath, Number(threads ?? 2))
