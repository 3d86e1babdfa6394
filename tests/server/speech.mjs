// Known speech and what is said in it: five LibriVox clips out of Debian's pocketsphinx-testdata,
// and how far a transcript is from it. Owns neither media nor transcribers.
import { execFileSync } from 'node:child_process'
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

/** Lower-case words, without what is not heard. */
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

/** The clips one after the other, half a second apart, `times` over, as the audio of a file. Returns
 * the words that are said. */
export function makeSpeech(file, times = 1) {
  const truth = words(clips.map((clip) => clip.text).join(' '))
  const wavs = clips.map((clip) => clip.file)
  const inputs = Array.from({ length: times }, () => wavs).flat()
  const padded = inputs.map((_, i) => `[${i}:a]apad=pad_dur=0.5[p${i}]`).join(';')
  const joined = `${inputs.map((_, i) => `[p${i}]`).join('')}concat=n=${inputs.length}:v=0:a=1[out]`
  execFileSync(
    'ffmpeg',
    ['-nostdin', '-loglevel', 'error', '-y', ...inputs.flatMap((f) => ['-i', f])].concat([
      ...['-filter_complex', `${padded};${joined}`, '-map', '[out]'],
      ...['-c:a', 'aac', '-b:a', '96k', file],
    ]),
    { stdio: 'pipe' },
  )
  return Array.from({ length: times }, () => truth).flat()
}
