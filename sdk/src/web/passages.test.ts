import { expect, test } from 'vitest'
import { passagesOf } from './passages.ts'

const rebuilt = (text: string) => {
  let at = 0
  let gaps = ''
  for (const { text: passage, start } of passagesOf(text)) {
    expect(text.slice(start, start + passage.length)).toBe(passage)
    expect(start).toBeGreaterThanOrEqual(at)
    expect(passage.length).toBeLessThanOrEqual(160)
    expect(passage).toBe(passage.trim())
    expect(passage).not.toBe('')
    gaps += text.slice(at, start)
    at = start + passage.length
  }
  return gaps + text.slice(at)
}

test('short lines are passages, whole', () => {
  expect(passagesOf(' one two. Three.\r\n\nfour\n')).toEqual([
    { text: 'one two. Three.', start: 1 },
    { text: 'four', start: 19 },
  ])
  expect(passagesOf(' \n\t')).toEqual([])
})

test('long lines are cut between sentences, sentences at spaces, words where they must', () => {
  const sentence = 'They said that the house on the hill was sold again. '
  const texts = passagesOf(sentence.repeat(7)).map(({ text }) => text)
  expect(texts.map((text) => text.split('. ').length)).toEqual([3, 3, 1])
  const long = passagesOf(`Well. ${'word '.repeat(80)}end. And so on.`).map(({ text }) => text)
  expect(long.every((text) => !/^ord|\bwor$/.test(text))).toBe(true)
  expect(passagesOf('\u{1F600}'.repeat(200)).every(({ text }) => text.isWellFormed())).toBe(true)
})

test('nothing but white space is left out, whatever the text', () => {
  let seed = 7
  const random = (n: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % n
  }
  const parts = [
    'word',
    ' ',
    '\n',
    '. ',
    '\u{1F600}',
    'a'.repeat(200),
    '\t',
    '? Yes',
    '\u00e9',
    '  ',
  ]
  for (let i = 0; i < 500; i++) {
    const text = Array.from({ length: random(60) }, () => parts[random(parts.length)]).join('')
    expect(rebuilt(text).trim()).toBe('')
  }
})
