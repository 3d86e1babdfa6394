// transformers.js (ONNX Runtime Web) in the edit benchmark: int8 on wasm, int4 with the JSPI build
// on WebGPU. Its model is called directly, without generate()'s bookkeeping, which is to its
// favour. Keys and values of the constant prefix are computed once and handed in again; on WebGPU
// they stay on the GPU (gpu-buffer), and what is no longer needed is freed as its DynamicCache does.
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  env,
  Tensor,
} from '/npm/@huggingface/transformers/dist/transformers.web.js'
import { DECODE, TOKENS_MAX, timed, work } from './work.js'

const some = (n, seed) =>
  Array.from({ length: n }, (_, i) => 100 + ((i * 7919 + seed * 104729) % 40000))
let model, tokenizer, stop, prefix_ids
let prefix // {cache, next} after the constant prefix
let n_rounds = 0

function argmax(row) {
  let best = 0
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i
  return best
}

async function free({ cache }) {
  if (cache === prefix?.cache) return
  await Promise.all(
    Object.values(cache)
      .filter((t) => t.location === 'gpu-buffer')
      .map((t) => t.dispose()),
  )
}

// One pass over ids after n_before tokens -> {cache, next}.
async function pass(ids, n_before, cache) {
  const row = (values) =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const out = await model({
    input_ids: row(ids),
    attention_mask: row(new Array(n_before + ids.length).fill(1)),
    ...(cache && { past_key_values: cache }),
  })
  const present = Object.entries(out).filter(([name]) => name.startsWith('present'))
  return {
    next: argmax(out.logits.data),
    cache: Object.fromEntries(
      present.map(([name, t]) => [name.replace('present', 'past_key_values'), t]),
    ),
  }
}

const encode = (text) => tokenizer.encode(text, { add_special_tokens: false })

async function answer(prompt) {
  const started = performance.now()
  const ids = encode(prompt)
  for (const [i, id] of prefix_ids.entries())
    if (ids[i] !== id) throw new Error('the prompt does not begin with the prefix')
  let n = prefix_ids.length
  let at = await pass(ids.slice(n), n, prefix.cache)
  n = ids.length
  const first_ms = performance.now() - started
  const out = []
  let passes = 1
  while (at.next !== stop && out.length < TOKENS_MAX) {
    out.push(at.next)
    const before = at
    at = await pass([at.next], n++, at.cache)
    passes++
    await free(before)
  }
  await free(at)
  const text = tokenizer.decode(out, { skip_special_tokens: true }).trim()
  return {
    ms: performance.now() - started,
    first_ms,
    tokens: out.length,
    passes,
    prompt_tokens: ids.length,
    cached_tokens: prefix_ids.length,
    text,
  }
}

// cached: through its own cache in the browser's storage, which a first load fills.
export async function load({ threads, backend, cached = false }) {
  env.allowRemoteModels = false
  env.allowLocalModels = true
  env.localModelPath = '/'
  env.useBrowserCache = cached
  const { wasm } = env.backends.onnx
  wasm.numThreads = backend === 'wasm' ? threads : 1
  const build = new URL(
    `/npm/onnxruntime-web/dist/ort-wasm-simd-threaded${backend === 'webgpu' ? '.jspi' : ''}`,
    location.href,
  ).href
  wasm.wasmPaths = { mjs: `${build}.mjs`, wasm: `${build}.wasm` }
  const dtype = backend === 'wasm' ? 'q8' : 'q4'
  const { ms } = await timed(async () => {
    tokenizer = await AutoTokenizer.from_pretrained('onnx')
    model = await AutoModelForCausalLM.from_pretrained('onnx', { dtype, device: backend })
  })
  prefix_ids = encode(work.prefix)
  stop = encode(work.stop)[0]
  return {
    version: `transformers.js ${env.version}, onnxruntime-web ${env.backends.onnx.versions.web}, ${dtype}`,
    load_ms: ms,
  }
}

export async function firstEdit() {
  const { value, ms } = await timed(async () => {
    prefix = await pass(prefix_ids, 0, null)
    return answer(work.warm_prompt)
  })
  return { first_edit_ms: ms, first_edit_new_tokens: value.prompt_tokens }
}

export async function open(options) {
  return { ...(await load(options)), ...(await firstEdit()) }
}

export async function edits(n) {
  const rows = []
  for (const { id, prompt } of work.edits.slice(0, n)) rows.push({ id, ...(await answer(prompt)) })
  return rows
}

// Tokens a second of one pass over n new rows.
async function rows(n) {
  const { value, ms } = await timed(() =>
    pass(some(n, 2 + n_rounds++), prefix_ids.length, prefix.cache),
  )
  await free(value)
  return (n * 1e3) / ms
}

export async function speeds() {
  let at = prefix
  const started = performance.now()
  for (let i = 0; i < DECODE; i++) {
    const before = at
    at = await pass([at.next], prefix_ids.length + i, at.cache)
    await free(before)
  }
  const decode_tok_s = (DECODE * 1e3) / (performance.now() - started)
  await free(at)
  return { decode_tok_s, rows32_tok_s: await rows(32), rows128_tok_s: await rows(128) }
}
