import { describe, expect, it } from 'vitest'
import { createDocument } from './cue'
import { cps, formatBytes, formatTime, parseTime, plural, savableText } from './format'
import { limitsFor } from './profile'

describe('format', () => {
  it.each([
    [0, '00:00.000'],
    [1200, '00:01.200'],
    [61_005, '01:01.005'],
    [3_600_000, '1:00:00.000'],
    [36_061_999, '10:01:01.999'],
  ])('time %i', (ms, text) => expect(formatTime(ms)).toBe(text))

  it('a cue without length has no rate', () => {
    expect(cps(10, 5, 5)).toBeNull()
    expect(cps(10, 0, 1000)).toBe(10)
  })

  it('sizes', () => {
    expect(formatBytes(98_123_456)).toBe('98 MB')
    expect(formatBytes(999)).toBe('999 B')
  })

  it('leaves out what a file cannot hold, and nothing else', () => {
    expect(savableText('a\n\nb\n', 'srt')).toBe('a\nb')
    expect(savableText('a --> b', 'srt')).toBe('a --> b')
    expect(savableText('a --> b', 'vtt')).toBe('a --&gt; b')
    expect(savableText('a\n \nb', 'srt')).toBe('a\nb')
    expect(savableText('a\n \nb', 'vtt')).toBe('a\n \nb')
    expect(savableText('\n', 'srt')).toBe('')
    expect(savableText(' a \n b ', 'srt')).toBe(' a \n b ')
    expect(savableText('', 'srt')).toBe('')
  })
})

describe('typed times', () => {
  it.each([
    ['3.5', 3500],
    ['83', 83_000],
    ['2:03,450', 123_450],
    ['00:04.154', 4154],
    ['1:02:03.4', 3_723_400],
    [' 0:00.0005 ', 1],
    ['90:00', 5_400_000],
  ])('%s', (text, ms) => expect(parseTime(text)).toBe(ms))

  it.each(['', 'x', '1:60', '1:60:00', '-1', '1.2.3', '1:2:3:4', '1e3', '5 s'])(
    '%j is none',
    (text) => expect(parseTime(text)).toBeNull(),
  )

  it('what is shown can be typed', () => {
    for (const ms of [0, 999, 59_999, 3_599_999, 359_999_999])
      expect(parseTime(formatTime(ms))).toBe(ms)
  })
})

it('counts have their commas', () => {
  expect([0, 1, 999, 1000, 12_345, 1_234_567].map((n) => plural(n, 'cue'))).toEqual([
    '0 cues',
    '1 cue',
    '999 cues',
    '1,000 cues',
    '12,345 cues',
    '1,234,567 cues',
  ])
})

describe('limits', () => {
  const cue = (text: string, endMs: number) => {
    const [one] = createDocument('srt', [
      { source: 0, startMs: 0, endMs, text, settings: '', label: '' },
    ]).cues
    if (!one) throw new Error()
    return one
  }
  const chars = (n: number) => ({ chars: n, lineCharsMax: n, lines: 1 })

  it('Fix has none; Shorten aims at the rate, at two lines, or at less', () => {
    expect(limitsFor('fix', cue('x', 1000), undefined)).toEqual({})
    expect(limitsFor('shorten', cue('x', 1000), chars(30))).toMatchObject({
      maxChars: 20,
      maxLines: 2,
      maxCps: 20,
    })
    expect(limitsFor('shorten', cue('x', 10_000), chars(100)).maxChars).toBe(84)
    expect(limitsFor('shorten', cue('x', 10_000), chars(70)).maxChars).toBe(60)
    expect(limitsFor('shorten', cue('x', 0), chars(1)).maxChars).toBe(1)
  })
})
