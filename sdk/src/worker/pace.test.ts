import { expect, test } from 'vitest'
import { msPerToken, Pace } from './pace.ts'

const receipt = (totalMs: number, tokens = 10, passes = 2) => ({
  totalMs,
  passes,
  inputTokens: 100 + tokens,
  cachedTokens: 100,
  drafted: 0,
  outputTokens: 0,
})
const request = { task: 'fix', text: 'a' } as const

test('is of what was computed; none where nothing was', () => {
  expect(msPerToken(receipt(50))).toBe(5)
  expect(msPerToken({ ...receipt(50), drafted: 6, outputTokens: 4 })).toBe(2.5)
  expect(msPerToken(receipt(50, 10, 0))).toBe(null) // by rules
  expect(msPerToken(receipt(50, 0))).toBe(null)
})

test('slow is the middle of eight over three times; one late edit is not', () => {
  const pace = new Pace()
  const take = (ms: number) => pace.slow(request, receipt(ms), 5)
  for (let i = 0; i < 7; i++) expect(take(151)).toBe(false)
  expect(take(151)).toBe(true)
  pace.reset()
  expect(take(9000)).toBe(false)
  for (let i = 0; i < 20; i++) expect(take(149)).toBe(false)
  expect(take(9000)).toBe(false)
  // longer edits take longer
  for (let i = 0; i < 8; i++) expect(pace.slow(request, receipt(900, 100), 5)).toBe(false)
})

test('edits that search do not count', () => {
  const pace = new Pace()
  for (const more of [{ maxChars: 9 }, { maxLines: 1 }, { maxCps: 9 }, { variants: 3 }])
    for (let i = 0; i < 8; i++)
      expect(pace.slow({ ...request, ...more }, receipt(900), 5)).toBe(false)
})
