// Native engines of the benchmarks: `nearfield edit` and `nearfield bench` on the command line, and
// llama.cpp with prefix reuse through llamacpp.py. Owns their processes. Ours is started for each
// round, edits with the warm caption as first cue, which is not counted; the peer stays up and is
// asked. Read next: rounds.mjs.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { promisify } from 'node:util'
import { llamaCppPython, versions } from './install.mjs'
import { firstLine, resident, root } from './rounds.mjs'

const captionsFile = path.join(import.meta.dirname, 'captions.json')
export const work = JSON.parse(readFileSync(captionsFile, 'utf8'))
const WARM = 'hello and welcome back to the the show' // warm_prompt's caption

const EDIT = ['edit', '--task', 'fix', '--adapter', 'none'] // the peers have none either

function srt(captions) {
  const time = (s) =>
    `00:${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')},000`
  return captions
    .map((text, i) => `${i + 1}\n${time(3 * i)} --> ${time(3 * i + 2)}\n${text}\n`)
    .join('\n')
}

async function json(program, args) {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 2 ** 26 })
  return JSON.parse(stdout)
}

function ours(context, threads) {
  const program = path.join(root, 'build/native/nearfield')
  const common = ['--model', context.model, '--threads', String(threads), '--json']
  const opened = { version: '', load_ms: null }
  const seen = { process_peak_bytes: 0, kv_bytes: null, session_bytes: null }
  return {
    name: 'nearfield',
    place: `native${threads}`,
    opened,
    async edits(n) {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'nearfield-bench-'))
      try {
        const file = path.join(folder, 'captions.srt')
        const captions = work.edits.slice(0, n)
        writeFileSync(file, srt([WARM, ...captions.map((e) => e.caption)]))
        const started = performance.now()
        const report = await json(program, [...EDIT, ...common, file])
        opened.load_ms ??= performance.now() - started - report.totalMs // process start to end, less the edits
        opened.version = `kernels ${report.kernels}`
        return report.cues.slice(1).map((c, i) => ({
          id: captions[i].id,
          ms: c.totalMs,
          first_ms: c.firstTokenMs,
          tokens: c.outputTokens,
          passes: c.passes,
          drafted: c.drafted,
          accepted: c.accepted,
          prompt_tokens: c.inputTokens,
          cached_tokens: c.cachedTokens,
          text: c.after,
        }))
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
    async speeds() {
      const b = await json(program, ['bench', '--repeats', '1', ...common])
      seen.process_peak_bytes = Math.max(seen.process_peak_bytes, b.peak_rss_bytes)
      seen.kv_bytes = b.kv_bytes ?? null
      seen.session_bytes = b.session_bytes
      opened.version = `kernels ${b.kernels}`
      return {
        decode_tok_s: b.decode_tok_s,
        rows32_tok_s: b.rows32_tok_s,
        rows128_tok_s: 128e3 / b.prefill_ms,
      }
    },
    memory: () => ({ ...seen }),
  }
}

// One llamacpp.py a number of threads, one question at a time.
async function llamaCpp(context, python, threads, plain) {
  const child = spawn(
    python,
    [
      path.join(import.meta.dirname, 'llamacpp.py'),
      context.model,
      captionsFile,
      String(threads),
      plain,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  let errors = ''
  child.stderr.on('data', (d) => {
    errors = (errors + d).slice(-2000)
  })
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`llamacpp.py ended: ${errors.trim().split('\n').at(-1)}`)
    return JSON.parse(value)
  }
  const ask = (question) => {
    child.stdin.write(`${question}\n`)
    return answer()
  }
  const { system, ...opened } = await answer()
  return {
    name: 'llamacpp',
    place: `native${threads}`,
    opened: {
      ...opened,
      version: `llama-cpp-python ${versions.llamacpp}${plain && ', AMX off: it crashes here'}; ${system}`,
    },
    edits: (n) => ask(`edits ${n}`),
    speeds: () => ask('speeds'),
    memory: () => ({ process_peak_bytes: resident(child.pid).peak_bytes }),
    close: () => child.stdin.end(),
  }
}

export async function nativeEngines(context) {
  const engines = []
  const program = path.join(root, 'build/native/nearfield')
  let python = null
  if (context.peers.length > 0) {
    try {
      python = await llamaCppPython(context.cache, context.say)
    } catch (error) {
      context.left_out['llama.cpp'] = firstLine(error)
    }
  }
  for (const threads of context.threads) {
    if (existsSync(program)) engines.push(ours(context, threads))
    else
      context.left_out['nearfield native'] =
        'build/native/nearfield is missing (./dev build native)'
    try {
      if (python)
        engines.push(
          await llamaCpp(context, python, threads, '').catch(() =>
            llamaCpp(context, python, threads, 'plain'),
          ),
        )
    } catch (error) {
      context.left_out[`llama.cpp native${threads}`] = firstLine(error)
    }
  }
  return {
    engines,
    close: async () => {
      for (const engine of engines) engine.close?.()
    },
  }
}
