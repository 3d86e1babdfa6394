import { describe, expect, it } from 'vitest'
import { createDocument } from './cue'
import { cps, formatBytes, formatTime, savableText } from './format'
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
