import { describe, expect, it } from 'vitest'
import { mulberry, pick } from '../../tests/random'
import { countChanges, describeChanges, takeChange, wordDiff } from './worddiff'

describe('wordDiff', () => {
  it('keeps a word with its apostrophe whole', () => {
    const parts = wordDiff(
      "bees doesn't care about you're plans.",
      "bees don't care about your plans.",
    )
    const changes = parts.filter((part) => part.kind === 'change')
    expect(changes.map(({ removed, added }) => [removed, added])).toEqual([
      ["doesn't", "don't"],
      ["you're", 'your'],
    ])
    expect(describeChanges(parts)).toBe("doesn't becomes don't; you're becomes your")
  })

  it('takes one change and leaves the other', () => {
    const before = 'Its louder then you expect.'
    const after = "It's louder than you expect."
    const parts = wordDiff(before, after)
    expect(takeChange(before, parts, 1)).toBe('Its louder than you expect.')
    expect(takeChange(before, parts, 0)).toBe("It's louder then you expect.")
    expect(takeChange(before, parts, 9)).toBe(before)
  })

  it('says a removed word and a moved line break', () => {
    expect(describeChanges(wordDiff('for a a trip', 'for a trip'))).toBe('a removed')
    expect(describeChanges(wordDiff('a b', 'a\nb'))).toBe('space becomes line break')
  })

  it('any two texts: parts rebuild both sides, taking every change in any order gives the second', () => {
    const random = mulberry(7)
    const words = ['a', 'bee', "don't", '\n', ' ', '<i>', '1,400', '.', '🐝', 'é', '-', 'Mr.']
    const text = () =>
      Array.from({ length: Math.floor(random() * 12) }, () => pick(words, random)).join(
        random() < 0.5 ? ' ' : '',
      )
    for (let round = 0; round < 400; round += 1) {
      const before = text()
      const after = text()
      const parts = wordDiff(before, after)
      expect(parts.map((p) => (p.kind === 'same' ? p.text : p.removed)).join('')).toBe(before)
      expect(parts.map((p) => (p.kind === 'same' ? p.text : p.added)).join('')).toBe(after)
      let now = before
      for (let left = countChanges(parts), i = 0; left > 0 && i < 50; i += 1) {
        const rest = wordDiff(now, after)
        left = countChanges(rest)
        if (left > 0) now = takeChange(now, rest, Math.floor(random() * left))
      }
      expect(now).toBe(after)
    }
  })
})
