// Passes an edit takes with an adapter: node bench/edit/passes.mjs ADAPTER FILE...
// FILE: captions (.srt, .vtt), one caption a line, or a table (.tsv) whose first column they are;
// --every N takes the lines N, 2 N, ... of those without times. Runs build/native/nearfield over all
// of them with the adapter's gate off, so that every answer counts, and prints one JSON object. A
// caption whose spans had to be put back is in neither group: its tokens are not the model's own.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { srtOf } from './cues.mjs'

const args = process.argv.slice(2)
const every = args[0] === '--every' ? Number(args.splice(0, 2)[1]) : 1
const [adapter, ...files] = args
if (!adapter || files.length === 0 || !(every >= 1)) {
  console.error('usage: node bench/edit/passes.mjs [--every N] ADAPTER FILE...')
  process.exit(2)
}
const program = path.resolve('build/native/nearfield')
const folder = mkdtempSync(path.join(tmpdir(), 'nearfield-passes-'))
const run = (...args) => execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })

function captions(file) {
  if (/\.(srt|vtt)$/.test(file)) return file
  const table = file.endsWith('.tsv')
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => (table ? line.split('\t', 1)[0] : line))
    .filter((line, i) => line && (i + 1) % every === 0)
  const at = path.join(folder, 'lines.srt')
  writeFileSync(at, srtOf(lines))
  return at
}

const passes = { unchanged: [], changed: [], putBack: [] }
let tokens = 0
try {
  const open = path.join(folder, 'open.gguf')
  run('adapter', '--gate', '-1000', adapter, open)
  for (const file of files) {
    const report = run('edit', '--task', 'fix', '--json', '--adapter', open, captions(file))
    for (const cue of JSON.parse(report).cues) {
      if (!cue.inputTokens) continue // no words in it
      tokens += cue.outputTokens
      const same = cue.why === 'already right'
      passes[cue.forced ? 'putBack' : same ? 'unchanged' : 'changed'].push(cue.passes)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const mean = (a) => Number((a.reduce((n, x) => n + x, 0) / a.length).toFixed(3))
const p95 = (a) => a.toSorted((x, y) => x - y)[Math.ceil(0.95 * a.length) - 1]
const of = (a) => ({ captions: a.length, passes: mean(a), p95: p95(a), most: Math.max(...a) })
const groups = Object.entries(passes).filter(([, a]) => a.length > 0)
console.log(JSON.stringify({ ...Object.fromEntries(groups.map(([k, a]) => [k, of(a)])), tokens }))
