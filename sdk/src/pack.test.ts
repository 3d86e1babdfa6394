import { expect, test } from 'vitest'
import {
  packCues,
  packFindings,
  packMeasures,
  packStrings,
  unpackCues,
  unpackFindings,
  unpackMeasures,
  unpackStrings,
} from './pack.ts'
import type { CaptionCue, LintFinding } from './types.ts'

const cue = (over: Partial<CaptionCue>): CaptionCue => ({
  source: 0,
  startMs: 1000,
  endMs: 2500,
  text: 'A bee',
  settings: '',
  label: '1',
  ...over,
})

test('cues come back as they were', () => {
  const cues = [
    cue({}),
    cue({ source: null, text: '', settings: 'line:0', label: '' }),
    cue({ text: 'two\nlines \0 \u{1f41d} \ud83d', endMs: 0, startMs: -5 }),
    cue({ source: 4999, startMs: 359_999_999, endMs: 1.5 }),
  ]
  expect(unpackCues(structuredClone(packCues(cues)))).toEqual(cues)
  expect(unpackCues(packCues([]))).toEqual([])
})

test('strings come back as they were, empty ones too', () => {
  for (const strings of [[], [''], ['', 'a', '', 'bc'], ['\ud83d', '\udc1d']])
    expect(unpackStrings(structuredClone(packStrings(strings)))).toEqual(strings)
})

test('findings and measures come back as they were', () => {
  const findings: LintFinding[] = [
    { cue: 4, rule: 'overlap', value: 0, limit: 0 },
    { cue: 5, rule: 'cps', value: 2310, limit: 2000 },
    { cue: 9, rule: 'overlap', value: 7, limit: 0 },
  ]
  expect(unpackFindings(structuredClone(packFindings(findings)))).toEqual(findings)
  const measures = [
    { chars: 0, lineCharsMax: 0, lines: 1 },
    { chars: 60, lineCharsMax: 40, lines: 2 },
  ]
  expect(unpackMeasures(packMeasures(measures))).toEqual(measures)
})
