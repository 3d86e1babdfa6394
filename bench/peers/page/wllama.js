// wllama (llama.cpp in wasm) in the edit benchmark. An edit's clock is the page's, as for all; the
// speeds are its own timings, which leave out its JavaScript: to its favour. n_parallel 1, prompt
// cache kept between requests, greedy, streaming, as its guide says for one user.
import { LoggerWithoutDebug, Wllama } from '/wllama/index.js'
import { adapterFacts, DECODE, STOP, TOKENS_MAX, timed, words, work } from './work.js'

let wllama
let n_rounds = 0
const sampling = { temperature: 0, top_k: 1, cache_prompt: true }

async function complete(prompt) {
  const started = performance.now()
  let first_ms = 0,
    text = '',
    timings
  for await (const chunk of await wllama.createCompletion({
    ...sampling,
    prompt,
    max_tokens: TOKENS_MAX,
    stop: [STOP],
    stream: true,
  })) {
    const piece = chunk.choices[0]?.text ?? ''
    if (piece && first_ms === 0) first_ms = performance.now() - started
    text += piece
    timings = chunk.timings ?? timings
  }
  return { ms: performance.now() - started, first_ms, text, timings }
}

// cached: through its own cache in the browser's storage, which a first load fills; else from memory.
export async function load({ threads, backend, file, cached }) {
  if (backend === 'webgpu' && !(await adapterFacts())?.f16) {
    throw new Error('without shader-f16 wllama runs on the CPU and does not say so: not measured')
  }
  wllama = new Wllama(
    { default: '/wllama/wasm/wllama.wasm' },
    { logger: LoggerWithoutDebug, suppressNativeLog: true },
  )
  const options = {
    n_ctx: 512,
    n_parallel: 1,
    n_threads: threads,
    n_gpu_layers: backend === 'webgpu' ? 999 : 0,
  }
  const blob = cached ? null : await (await fetch(file)).blob()
  const url = new URL(file, location.href).href
  const { ms } = await timed(() =>
    blob
      ? wllama.loadModel([blob], options)
      : wllama.loadModelFromUrl(url, { ...options, useCache: true }),
  )
  const got = wllama.getNumThreads()
  if (backend === 'wasm' && got !== threads)
    throw new Error(`asked for ${threads} threads, got ${got}`)
  return { version: `libllama ${Wllama.getLibllamaVersion()}`, load_ms: ms }
}

export async function firstEdit() {
  const { ms, timings: t } = await complete(work.warm_prompt)
  return { first_edit_ms: ms, first_edit_new_tokens: t.prompt_n }
}

export async function open(options) {
  return { ...(await load(options)), ...(await firstEdit()) }
}

export async function edits(n) {
  const rows = []
  for (const { id, prompt } of work.edits.slice(0, n)) {
    const { ms, first_ms, text, timings: t } = await complete(prompt)
    rows.push({
      // its predicted_n counts the end token
      id,
      ms,
      first_ms,
      tokens: t.predicted_n - 1,
      passes: t.predicted_n,
      prompt_tokens: t.cache_n + t.prompt_n,
      cached_tokens: t.cache_n,
      text: text.trim(),
    })
  }
  return rows
}

const run = async (prompt, max_tokens) =>
  (
    await wllama.createCompletion({
      ...sampling,
      prompt,
      max_tokens,
      ignore_eos: true,
      stream: false,
    })
  ).timings

// Tokens a second of a pass over about n rows that are not in the cache.
async function rows(n) {
  const t = await run(work.prefix + words(n, n_rounds++), 1)
  if (t.prompt_n < n - 4 || t.prompt_n > n + 4)
    throw new Error(`wllama's pass had ${t.prompt_n} rows, not ${n}`)
  return (t.prompt_n * 1e3) / t.prompt_ms
}

export async function speeds() {
  await run(work.prefix, 2)
  const decoded = await run(work.prefix, DECODE + 1) // the first comes with the prompt's pass
  if (decoded.predicted_n <= DECODE)
    throw new Error(`wllama stopped after ${decoded.predicted_n} tokens`)
  return {
    decode_tok_s: ((decoded.predicted_n - 1) * 1e3) / decoded.predicted_ms,
    rows32_tok_s: await rows(32),
    rows128_tok_s: await rows(128),
  }
}
