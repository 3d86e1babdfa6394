import { expect, test } from 'vitest'
import type { Message, Nearfield } from '../index.ts'
import { countTokens } from './tokens.ts'

/** A word is a token, a message three more; as the engine, it counts so many bytes and no more. */
function engine() {
  const calls: number[] = []
  const nf = {
    async countTokens(messages: readonly Message[]) {
      const text = messages.map(({ content }) => content).join('')
      const bytes = new TextEncoder().encode(text).length
      calls.push(bytes)
      if (bytes > 12_000) throw new Error(`${bytes} bytes`)
      const words = messages.flatMap(({ content }) => content.match(/\S+/g) ?? [])
      return { tokens: 3 * messages.length + words.length, context: 100 }
    },
  }
  return { nf: nf as unknown as Nearfield, calls }
}
const user = (content: string): Message => ({ role: 'user', content })

test('what is short is counted at once', async () => {
  const { nf, calls } = engine()
  await expect(countTokens(nf, [user('a b'), user('c')])).resolves.toEqual({
    tokens: 9,
    context: 100,
  })
  expect(calls).toEqual([4])
})

test.each([
  ['many words', [user('word '.repeat(9000))], 9003],
  ['three bytes a character', [user('\u4e16 '.repeat(9000))], 9003],
  ['several long messages', Array.from({ length: 5 }, () => user('a '.repeat(1900))), 9515],
  ['short ones that are long together', Array.from({ length: 300 }, () => user('ab cd ef')), 1800],
])('%s: in parts, to the same number', async (_, messages, tokens) => {
  const { nf, calls } = engine()
  expect((await countTokens(nf, messages)).tokens).toBe(tokens)
  expect(Math.max(...calls)).toBeLessThanOrEqual(12_000)
})

test('no character is cut in two', async () => {
  const { nf } = engine()
  const seen: string[] = []
  const { countTokens: count } = nf
  nf.countTokens = (messages, options) => {
    seen.push(...messages.map(({ content }) => content))
    return count.call(nf, messages, options)
  }
  await countTokens(nf, [user(`a${'\u{1f600}'.repeat(5000)}`)])
  expect(seen.length).toBeGreaterThan(3)
  expect(seen.every((text) => text.isWellFormed())).toBe(true)
})
