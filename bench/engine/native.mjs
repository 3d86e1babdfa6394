// Native engines of the benchmark: build/native/nearfield, and llama.cpp through llamacpp.py.
// Owns their processes. Ours is started for each round, the rival stays up and is asked.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { llamaCppPython, versions } from './rivals.mjs'

const MEBI = 2 ** 20
const SLACK_BYTES = 48 * MEBI // issue 3: peak host memory <= file + KV cache + 48 MiB

// Largest resident set so far, or 0 when the process is gone.
function peakBytes(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

// {decode_tok_s, rows32_tok_s, kernels, peak_rss_bytes, session_bytes, kv_bytes?}
function oursOnce(context, threads) {
  const program = path.join(context.root, 'build/native/nearfield')
  const args = ['bench', '--json', '--repeats', '1', '--threads', String(threads), '--model', context.model]
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.on('data', (d) => { output += d })
    child.stderr.on('data', (d) => { errors += d })
    child.on('error', reject)
    child.on('close', (code) => code === 0 ? resolve(JSON.parse(output))
      : reject(new Error(`nearfield bench ended with ${code}: ${errors.slice(-500)}`)))
  })
}

// One llamacpp.py, one question at a time.
async function startLlamaCpp(context) {
  const python = await llamaCppPython(context.cache, context.say)
  const child = spawn(python, [path.join(import.meta.dirname, 'llamacpp.py'), context.model],
    { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (d) => { errors = (errors + d).slice(-2000) })
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`llamacpp.py ended: ${errors}`)
    return JSON.parse(value)
  }
  context.versions.llamacpp = `llama-cpp-python ${versions.llamacpp}; ${(await answer()).system}`
  return {
    peak: () => peakBytes(child.pid),
    ask: (threads) => {
      child.stdin.write(`${threads}\n`)
      return answer()
    },
    close: () => child.stdin.end(),
  }
}

// Two threads are the comparison and carry its keys; one thread is reported beside it.
export async function nativeEngines(context) {
  const engines = []
  const seen = { peak: 0, kv: null, session: null }
  const prefix = { 1: 'native.threads1.', 2: 'native.' }
  const program = path.join(context.root, 'build/native/nearfield')
  if (existsSync(program)) {
    for (const threads of [1, 2]) {
      engines.push({
        name: `nearfield, ${threads} thread${threads > 1 ? 's' : ''}`,
        decodeKey: `${prefix[threads]}decode_tok_s`, rowsKey: `${prefix[threads]}rows32_tok_s`,
        async round() {
          const one = await oursOnce(context, threads)
          seen.peak = Math.max(seen.peak, one.peak_rss_bytes)
          seen.kv = one.kv_bytes ?? null
          seen.session = one.session_bytes
          context.versions.nearfield_native = `kernels ${one.kernels}`
          return { decode_tok_s: one.decode_tok_s, rows_tok_s: one.rows32_tok_s }
        },
      })
    }
  } else {
    context.left_out['nearfield native'] = 'build/native/nearfield is missing (./dev build native)'
  }
  let rival = null
  try {
    rival = await startLlamaCpp(context)
    for (const threads of [1, 2]) {
      engines.push({
        name: `llama.cpp, ${threads} thread${threads > 1 ? 's' : ''}`,
        decodeKey: `${prefix[threads]}llamacpp_decode_tok_s`, rowsKey: `${prefix[threads]}llamacpp_prompt_tok_s`,
        round: () => rival.ask(threads),
      })
    }
  } catch (error) {
    context.left_out['llama.cpp'] = error.message.split('\n')[0]
  }
  return {
    engines,
    async memory() {
      // the session is the KV cache and a pass's scratch: where the cache alone is not known,
      // the limit is that much too wide, and kv_bytes is null
      const held = seen.kv ?? seen.session
      const limit = held === null ? null : statSync(context.model).size + held + SLACK_BYTES
      return {
        peak_bytes: seen.peak, kv_bytes: seen.kv, session_bytes: seen.session, limit_bytes: limit,
        within_limit: limit === null ? null : seen.peak <= limit,
        llamacpp_peak_bytes: rival?.peak() ?? null,
      }
    },
    async close() { rival?.close() },
  }
}
