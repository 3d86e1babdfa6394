import { expect, test } from 'vitest'
import { protectedTerms } from './protect.ts'

test('expressions stand for what they find, each term once, in order', () => {
  const sticky = /\bB-\d+/y
  sticky.lastIndex = 3
  const text = 'Zoë flew the B-52, not the B-17; Zoë and the B-52'
  expect(protectedTerms(text, [sticky, 'Zoë', /zoë/i, /x*/])).toEqual(['B-52', 'B-17', 'Zoë'])
  expect(sticky.lastIndex).toBe(3)
})

test('anything else is refused', () => {
  expect(() => protectedTerms('a', [3 as unknown as string])).toThrow(
    expect.objectContaining({ code: 'bad_input' }),
  )
})
