/**
 * Cues as a few flat arrays: what crosses to the worker, and what an app may keep in storage.
 * Copying thousands of small objects between threads blocks the page for tens of milliseconds;
 * three arrays and one string do not. Owns the layout; lossless, also for lone surrogates.
 * Read next: protocol.ts, captions.ts.
 */
import type { CaptionCue, LintFinding, LintRule, Measure } from './types.ts'

/** Strings end to end, and the length of each in UTF-16 units. */
export interface PackedStrings {
  chars: string
  lengths: Uint32Array
}

/** What packCues() makes of n cues. Survives structured clone, so IndexedDB can hold it. */
export interface PackedCues {
  /** n: the cue's `source`, -1 for null. */
  sources: Int32Array
  /** 2 n: start and end in milliseconds. */
  times: Float64Array
  /** 3 n: text, settings, label. */
  strings: PackedStrings
}

export function packStrings(strings: readonly string[]): PackedStrings {
  return { chars: strings.join(''), lengths: Uint32Array.from(strings, (s) => s.length) }
}

export function unpackStrings({ chars, lengths }: PackedStrings): string[] {
  let at = 0
  return Array.from(lengths, (length) => {
    at += length
    return chars.slice(at - length, at)
  })
}

/** n cues as flat arrays, to be kept or sent; unpackCues() gives them back. */
export function packCues(cues: readonly CaptionCue[]): PackedCues {
  const sources = new Int32Array(cues.length)
  const times = new Float64Array(2 * cues.length)
  const strings = new Array<string>(3 * cues.length)
  cues.forEach(({ source, startMs, endMs, text, settings, label }, i) => {
    sources[i] = source ?? -1
    times[2 * i] = startMs
    times[2 * i + 1] = endMs
    strings[3 * i] = text
    strings[3 * i + 1] = settings
    strings[3 * i + 2] = label
  })
  return { sources, times, strings: packStrings(strings) }
}

/** The cues that packCues() was given. */
export function unpackCues({ sources, times, strings }: PackedCues): CaptionCue[] {
  const texts = unpackStrings(strings)
  return Array.from(sources, (source, i) => ({
    source: source < 0 ? null : source,
    startMs: times[2 * i]!,
    endMs: times[2 * i + 1]!,
    text: texts[3 * i]!,
    settings: texts[3 * i + 1]!,
    label: texts[3 * i + 2]!,
  }))
}

/** Four numbers a finding: cue, index into `rules`, value, limit. */
export interface PackedFindings {
  rules: LintRule[]
  rows: Float64Array
}

export function packFindings(findings: readonly LintFinding[]): PackedFindings {
  const rules = [...new Set(findings.map(({ rule }) => rule))]
  const rows = findings.flatMap(({ cue, rule, value, limit }) => [
    cue,
    rules.indexOf(rule),
    value,
    limit,
  ])
  return { rules, rows: Float64Array.from(rows) }
}

export function unpackFindings({ rules, rows }: PackedFindings): LintFinding[] {
  return Array.from({ length: rows.length / 4 }, (_, i) => ({
    cue: rows[4 * i]!,
    rule: rules[rows[4 * i + 1]!]!,
    value: rows[4 * i + 2]!,
    limit: rows[4 * i + 3]!,
  }))
}

/** Three numbers a text: chars, lineCharsMax, lines. */
export function packMeasures(measures: readonly Measure[]): Float64Array {
  return Float64Array.from(measures.flatMap((m) => [m.chars, m.lineCharsMax, m.lines]))
}

export function unpackMeasures(rows: Float64Array): Measure[] {
  return Array.from({ length: rows.length / 3 }, (_, i) => ({
    chars: rows[3 * i]!,
    lineCharsMax: rows[3 * i + 1]!,
    lines: rows[3 * i + 2]!,
  }))
}
