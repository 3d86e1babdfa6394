import { expect, test } from 'vitest'
import { atMostLines, atMostSentences, atMostWords, type Cut, Limit } from './limit.ts'

const TEXT = '\n One two. Three "four"! Five?\nsix\n\nseven '

/** The text in pieces of so many characters. */
function limited(cut: Cut, text: string, size: number): { out: string; full: boolean } {
  const limit = new Limit(cut)
  let out = ''
  for (let at = 0; at < text.length && !limit.full; at += size) {
    out += limit.add(text.slice(at, at + size))
  }
  return { out, full: limit.full }
}

test.each<[string, Cut, string, boolean]>([
  ['one line', atMostLines(1), 'One two. Three "four"! Five?', true],
  ['two lines', atMostLines(2), 'One two. Three "four"! Five?\nsix', true],
  ['nine lines', atMostLines(9), TEXT.trim(), false],
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
  for (const size of [1, 2, 3, 7, 100]) expect(limited(cut, TEXT, size)).toEqual({ out, full })
})
