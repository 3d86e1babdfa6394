// The table behind a task's gate (src/edit/tasks.c): node bench/edit/gate.mjs CLEAN PAIRS... [ADAPTER.gguf]
// CLEAN: captions with no mistake, one a line; the first 200 count. PAIRS: mistakes and what is right,
// as bench/peers/captions.json or wrong TAB right (.tsv, every 50th line). Runs build/native/nearfield
// over them once with the gate open, then says for each gate what it would have let through. The
// guard is on. Without an adapter the model as it comes, through one that adds nothing.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loraFile } from '../../sdk/src/testing/lora.ts'
import { srtOf } from './cues.mjs'

const CLEAN_MOST = 200
const PAIRS_STEP = 50
const GATES = [-1000, 0, 1, 2, 3, 4, 6]

const given = process.argv.slice(2)
const adapter = given.find((name) => name.endsWith('.gguf'))
const [clean, ...pairs] = given.filter((name) => name !== adapter)
if (pairs.length === 0) {
  console.error('usage: node bench/edit/gate.mjs CLEAN PAIRS... [ADAPTER.gguf]')
  process.exit(2)
}
const linesOf = (file) => readFileSync(file, 'utf8').split('\n').filter(Boolean)

/** [wrong, right] of each. */
function pairsOf(file) {
  if (file.endsWith('.json')) {
    const { edits } = JSON.parse(readFileSync(file, 'utf8'))
    return edits.filter((e) => !e.correct_already).map((e) => [e.caption, e.correction])
  }
  return linesOf(file)
    .filter((_, i) => i % PAIRS_STEP === 0)
    .map((line) => line.split('\t'))
}

/** What the model would have with the gate open: { before, after, gain } of each cue, gain in nats. */
function answers(lines) {
  const folder = mkdtempSync(path.join(tmpdir(), 'nearfield-gate-'))
  const at = (name) => path.join(folder, name)
  const run = (...args) =>
    execFileSync('build/native/nearfield', args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  try {
    writeFileSync(at('nothing.gguf'), loraFile({}, 0))
    run('adapter', '--gate', '-1000', adapter ?? at('nothing.gguf'), at('open.gguf'))
    writeFileSync(at('lines.srt'), srtOf(lines))
    const trace = run(
      'edit',
      '--task',
      'fix',
      '--trace',
      '--adapter',
      at('open.gguf'),
      at('lines.srt'),
    )
    return trace
      .split(/^cue \d+: /m)
      .slice(1)
      .map((cue) => {
        const [, before] = /^(".*")$/m.exec(cue)
        const [, copy, answer] = /^log P\(copy\) (\S+), log P\(answer\) (\S+),/m.exec(cue) ?? [
          0, 0, 0,
        ]
        const [, after] = /^result: (".*")$/m.exec(cue)
        return { before: JSON.parse(before), after: JSON.parse(after), gain: answer - copy }
      })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const right = linesOf(clean).slice(0, CLEAN_MOST)
const wrong = pairs.flatMap(pairsOf)
const all = answers([...right, ...wrong.map(([before]) => before)])
if (all.length !== right.length + wrong.length) throw new Error(`${all.length} cues came back`)
const rows = GATES.map((gate) => {
  const given = all.map(({ before, after, gain }) => (gain > gate ? after : before))
  const [ofClean, ofWrong] = [given.slice(0, right.length), given.slice(right.length)]
  return {
    gate,
    cleanChanged: ofClean.filter((text, i) => text !== right[i]).length,
    mended: ofWrong.filter((text, i) => text === wrong[i][1]).length,
    leftAlone: ofWrong.filter((text, i) => text === wrong[i][0]).length,
  }
})
console.log(JSON.stringify({ clean: right.length, wrong: wrong.length, rows }, null, 1))
