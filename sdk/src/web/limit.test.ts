import { expect, test } from 'vitest'
import { atMostSentences, atMostWords, type Cut, Limit, type Limiter, Points } from './limit.ts'

const TEXT = '\n One two. Three "four"! Five?\nsix\n\nseven '

/** The text in pieces of so many characters. */
function limited(limit: Limiter, text: string, size: number): { out: string; full: boolean } {
  let out = ''
  for (let at = 0; at < text.length && !limit.full; at += size) {
    out += limit.add(text.slice(at, at + size))
  }
  return { out, full: limit.full }
}

test.each<[string, Cut, string, boolean]>([
  ['three words', atMostWords(3), 'One two. Three', true],
  ['nine words of one line', atMostWords(9), 'One two. Three "four"! Five?', true],
  ['one sentence', atMostSentences(1), 'One two.', true],
  ['two sentences', atMostSentences(2), 'One two. Three "four"!', true],
  [
    'nine sentences of one paragraph',
    atMostSentences(9),
    'One two. Three "four"! Five?\nsix',
    true,
  ],
])('%s, however it is cut into pieces', (_, cut, out, full) => {
  for (const size of [1, 2, 3, 7, 100]) {
    expect(limited(new Limit(cut), TEXT, size)).toEqual({ out, full })
  }
})

test.each<[string, number, string, boolean]>([
  [' One two. Three!  Four? ', 2, '- One two.\n- Three!', true],
  ['One two.\n\n- Three', 2, '- One two.\n- Three', false],
  ['1. One. 2. Two is here. 3. Three', 2, '- One.\n- Two is here.', true],
  ['* One\n* Two', 3, '- One\n- Two', false],
  ['  \n', 3, '', false],
])('%j as %i points, however it is cut into pieces', (text, n, out, full) => {
  for (const size of [1, 2, 3, 7, 100]) {
    expect(limited(new Points(n), text, size)).toEqual({ out, full })
  }
})
