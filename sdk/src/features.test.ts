import { expect, test } from 'vitest'
import { canRun, hasRelaxedSimd, hasSimd } from './features.ts'

test('node 22 has both kinds of SIMD', () => {
  expect(hasSimd()).toBe(true)
  expect(hasRelaxedSimd()).toBe(true)
})

test('a page without workers cannot run a model', () => {
  expect(typeof Worker).toBe('undefined') // as in node
  expect(canRun()).toBe(false)
})
