// wllama (llama.cpp in wasm) in the benchmark's page. Its own timings are used: they leave out
// its JavaScript, which is to its favour. n_parallel 1: one sequence, as we have.
import { LoggerWithoutDebug, Wllama } from '/wllama/index.js'

let wllama
let n_rounds = 0
// About 128 tokens; 32 common words, a token each, of which the first differs each round so
// that none of them is in the cache.
const PREFIX = 'The harbour was quiet in the early morning. A few boats moved slowly out to sea, and '
  + 'the gulls followed them in wide circles. On the pier an old man was mending a net while two '
  + 'children watched him and asked questions about the storm of last winter. He told them how the '
  + 'water had come over the wall, how the street had been full of sand, and how everyone had worked '
  + 'for days to clear it. The children listened, and then they ran off to look for shells among the '
  + 'stones. Later the sun came out and the cafe opened its doors, and people began to'
const WORDS = ('one two three four five six seven eight nine ten red blue green white black time year '
  + 'people way day man thing woman life child world school state family student group country').split(' ')

function rows(round) {
  return Array.from({ length: 32 }, (_, i) => ` ${WORDS[(round + i * 5) % WORDS.length]}`).join('')
}

function complete(prompt, max_tokens) {
  return wllama.createCompletion({
    prompt, max_tokens, temperature: 0, top_k: 1, cache_prompt: true, ignore_eos: true, stream: false,
  })
}

export async function open({ threads, file }) {
  wllama = new Wllama({ default: '/wllama/wasm/wllama.wasm' }, { logger: LoggerWithoutDebug, suppressNativeLog: true })
  const blob = await (await fetch(file)).blob()
  await wllama.loadModel([blob], { n_ctx: 512, n_parallel: 1, n_threads: threads, n_gpu_layers: 0 })
  const got = wllama.getNumThreads()
  if (got !== threads) throw new Error(`asked for ${threads} threads, got ${got}`)
  await complete(PREFIX, 2)
  return `libllama ${Wllama.getLibllamaVersion()}`
}

// Its count of predicted tokens includes the one the prompt's pass gave.
export async function round() {
  const decoded = (await complete(PREFIX, 33)).timings
  if (decoded.predicted_n < 33) throw new Error(`wllama stopped after ${decoded.predicted_n} tokens`)
  const prompt = (await complete(PREFIX + rows(n_rounds++), 1)).timings
  if (prompt.prompt_n < 28 || prompt.prompt_n > 36) throw new Error(`wllama's pass had ${prompt.prompt_n} rows, not 32`)
  return {
    decode_tok_s: (decoded.predicted_n - 1) * 1e3 / decoded.predicted_ms,
    rows_tok_s: prompt.prompt_n * 1e3 / prompt.prompt_ms,
  }
}
