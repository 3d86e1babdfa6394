// transformers.js (ONNX Runtime Web) on wasm in the benchmark's page. Its model is called
// directly, without generate() and its bookkeeping, which is to its favour. Keys and values of
// the prefix are computed once and handed in again, as its users do.
import { AutoModelForCausalLM, env, Tensor } from '/npm/@huggingface/transformers/dist/transformers.web.js'

const PREFIX = 128, ROWS = 32, DECODE = 32
let model
let prefix // {cache, next} after the prefix
let n_rounds = 0

// One pass over ids after n_before tokens -> {cache, next}.
async function pass(ids, n_before, cache) {
  const row = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const out = await model({
    input_ids: row(ids), attention_mask: row(new Array(n_before + ids.length).fill(1)),
    ...(cache && { past_key_values: cache }),
  })
  const next = out.logits.data.indexOf(out.logits.data.reduce((a, b) => Math.max(a, b), -Infinity))
  const present = Object.entries(out).filter(([name]) => name.startsWith('present'))
  return { next, cache: Object.fromEntries(present.map(([name, t]) => [name.replace('present', 'past_key_values'), t])) }
}

const some = (n, seed) => Array.from({ length: n }, (_, i) => 100 + (i * 7919 + seed * 104729) % 40000)

export async function open({ threads, dtype }) {
  env.allowRemoteModels = false
  env.allowLocalModels = true
  env.localModelPath = '/'
  env.useBrowserCache = false
  const { wasm } = env.backends.onnx
  wasm.numThreads = threads
  const build = new URL('/npm/onnxruntime-web/dist/ort-wasm-simd-threaded', location.href).href
  wasm.wasmPaths = { mjs: `${build}.mjs`, wasm: `${build}.wasm` }
  model = await AutoModelForCausalLM.from_pretrained('onnx', { dtype, device: 'wasm' })
  prefix = await pass(some(PREFIX, 1), 0, null)
  await pass([prefix.next], PREFIX, prefix.cache)
  return `transformers.js ${env.version}, onnxruntime-web ${env.backends.onnx.versions.web}, ${dtype}`
}

export async function round() {
  let at = prefix
  const started = performance.now()
  for (let i = 0; i < DECODE; i++) at = await pass([at.next], PREFIX + i, at.cache)
  const decoded = performance.now()
  const rows = some(ROWS, 2 + n_rounds++)
  const before = performance.now()
  await pass(rows, PREFIX, prefix.cache)
  return {
    decode_tok_s: DECODE * 1e3 / (decoded - started),
    rows_tok_s: ROWS * 1e3 / (performance.now() - before),
  }
}
