// Speech whose words are known, and how far a transcript is from them: five LibriVox clips out of
// Debian's pocketsphinx-testdata.
import { readFileSync } from 'node:fs'

const folder = '/usr/share/pocketsphinx/test/data/librivox'

/** [{file, text}]: 16 kHz mono WAV, and what is said in it. */
export const clips = readFileSync(`${folder}/transcription`, 'utf8')
  .trim()
  .split('\n')
  .map((line) => ({
    file: `${folder}/${/\((.*)\)/.exec(line)[1]}.wav`,
    text: line.replaceAll(/<\/?s>|\(.*\)/g, '').trim(),
  }))

export const words = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z' ]+/g, ' ')
    .split(' ')
    .filter(Boolean)

/** Levenshtein distance over words. */
export function distance(a, b) {
  let row = b.map((_, i) => i + 1)
  row.unshift(0)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(row[j] + (a[i] !== b[j]), row[j + 1] + 1, next[j] + 1))
    row = next
  }
  return row[b.length]
}
