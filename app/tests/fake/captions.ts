/**
 * A stand-in for the captions worker, for tests only: plain SRT, no tags, no damage. It exists so
 * that the app's own behaviour can be tested without wasm; what captions mean is tested in C.
 */
import type { CaptionCue, CaptionsApi, LintFinding, Measure } from 'nearfield'

const TIME = /^(\d+):(\d+):(\d+)[,.](\d+) --> (\d+):(\d+):(\d+)[,.](\d+)(.*)$/

const ms = (parts: string[], at: number) =>
  ((Number(parts[at]) * 60 + Number(parts[at + 1])) * 60 + Number(parts[at + 2])) * 1000 +
  Number(parts[at + 3])

export function parseSrt(text: string): CaptionCue[] {
  const cues: CaptionCue[] = []
  for (const block of text.trim().split(/\n\n+/)) {
    const [label = '', time = '', ...lines] = block.split('\n')
    const parts = TIME.exec(time)
    if (!parts) continue
    cues.push({
      source: cues.length,
      startMs: ms(parts, 1),
      endMs: ms(parts, 5),
      text: lines.join('\n'),
      settings: '',
      label,
    })
  }
  return cues
}

function time(value: number): string {
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  const rest = String(value % 1000).padStart(3, '0')
  return `${two(value / 3600000)}:${two((value / 60000) % 60)}:${two((value / 1000) % 60)},${rest}`
}

export const writeSrt = (cues: readonly CaptionCue[]): string =>
  cues
    .map((cue, i) => `${i + 1}\n${time(cue.startMs)} --> ${time(cue.endMs)}\n${cue.text}\n`)
    .join('\n')

export function measure(text: string): Measure {
  const lines = text.replace(/<[^>]*>/g, '').split('\n')
  const lengths = lines.map((line) => [...line].length)
  return {
    chars: lengths.reduce((a, b) => a + b, 0),
    lineCharsMax: Math.max(...lengths),
    lines: lines.length,
  }
}

function lint(cues: readonly CaptionCue[]): LintFinding[] {
  return cues.flatMap((cue, i) => {
    const found: LintFinding[] = []
    const { chars, lineCharsMax } = measure(cue.text)
    const value = Math.round((chars * 100_000) / (cue.endMs - cue.startMs))
    if (value > 2000) found.push({ cue: i, rule: 'cps', value, limit: 2000 })
    if (lineCharsMax > 42)
      found.push({ cue: i, rule: 'line-length', value: lineCharsMax, limit: 42 })
    if (cue.endMs - cue.startMs < 833) {
      found.push({ cue: i, rule: 'duration-short', value: cue.endMs - cue.startMs, limit: 833 })
    }
    return found
  })
}

export const captions: CaptionsApi = {
  async parse(file) {
    const cues = parseSrt(new TextDecoder().decode(file))
    if (cues.length === 0) throw new Error('line 1: no cue found')
    return { format: 'srt', cues, warnings: [] }
  },
  async write(_original, cues) {
    return new TextEncoder().encode(writeSrt(cues))
  },
  async lint(cues) {
    return lint(cues)
  },
  async measure(texts) {
    return texts.map(measure)
  },
}
