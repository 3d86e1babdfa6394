// What the side-by-side benchmarks share: the model's path, progress on stderr, the machine, and
// rounds that are interleaved (each engine once, then all again), so that a slow minute of the
// machine hits all of them. Does not know how an engine is driven (native.mjs, browser.mjs), nor
// what its numbers become (each run.mjs).
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export const say = (text) => process.stderr.write(`bench: ${text}\n`)

export const root = path.resolve(import.meta.dirname, '../..')

// {model, cache: where the peers are installed}. Ends the process where there is no model.
export function modelPath() {
  const cache =
    process.env.NEARFIELD_CACHE ??
    path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'nearfield')
  const model =
    process.env.NEARFIELD_MODEL ?? path.join(cache, 'models/SmolLM2-135M-Instruct.Q4_1.gguf')
  if (!existsSync(model)) {
    say(`${model}: no such model; ./dev model fetches it, or set NEARFIELD_MODEL`)
    process.exit(1)
  }
  return { model, cache: path.join(cache, 'bench') }
}

export const cpuName = () =>
  /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? os.arch()

// Resident set of a process, in bytes: now and at its largest.
export function resident(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    const kb = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1] ?? 0) * 1024
    return { bytes: kb('VmRSS'), peak_bytes: kb('VmHWM') }
  } catch {
    return { bytes: 0, peak_bytes: 0 } // it has just ended
  }
}

export const firstLine = (error) => error.message.split('\n')[0]

// Every engine once a round: `once(engine, round)` -> what the round gave. One that fails is left
// out from then on, and leftOut says why. -> Map engine -> its rounds, of those that did not fail.
export async function interleaved(engines, repeats, leftOut, once) {
  const results = new Map(engines.map((engine) => [engine, []]))
  for (let round = 1; round <= repeats; round++) {
    for (const [engine, rounds] of [...results]) {
      try {
        rounds.push(await once(engine, round))
      } catch (error) {
        leftOut[`${engine.name}.${engine.place}`] = firstLine(error)
        results.delete(engine)
      }
    }
  }
  return results
}
