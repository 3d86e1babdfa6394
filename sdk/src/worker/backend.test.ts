import { expect, test } from 'vitest'
import { stillGood } from './backend.ts'

test.each([
  ['faster', 29, true],
  ['faster', 31, false],
  ['slower', 29, true],
  ['refused', 31, false],
  ['lost', 0.9, true],
  ['lost', 1.1, false],
  ['faster', -1, false], // the clock was set back
] as const)('%s, %s days old: %s', (why, days, good) => {
  const now = Date.UTC(2026, 11, 1)
  const at = now - days * 24 * 3600_000
  expect(stillGood({ backend: 'wasm', why, reason: '', at }, now)).toBe(good)
  expect(stillGood({ backend: 'wasm', why, reason: '' }, now)).toBe(false)
})
