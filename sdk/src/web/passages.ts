/**
 * A text as passages that an edit takes: its tasks are made for captions, a sentence or two at a
 * time. Owns where a text may be cut. Pure.
 */

/** A line of two captions. Longer lines are cut between sentences, longer sentences at a space. */
const PASSAGE_CHARS = 160

/** text.slice(start, start + its length) is the passage; UTF-16 units. */
export interface Passage {
  text: string
  start: number
}

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' })

/** Ascending; what lies between them is white space. */
export function passagesOf(text: string): Passage[] {
  return Array.from(text.matchAll(/\S(?:[^\r\n]*\S)?/g)).flatMap(({ 0: line, index }) =>
    passagesOfLine(line).map((passage) => ({ ...passage, start: index + passage.start })),
  )
}

function passagesOfLine(line: string): Passage[] {
  if (line.length <= PASSAGE_CHARS) return [{ text: line, start: 0 }]
  const ends: number[] = []
  for (const { segment, index } of sentences.segment(line)) {
    const begin = ends.at(-2) ?? 0
    if (ends.length > 0 && index + segment.trimEnd().length - begin <= PASSAGE_CHARS) ends.pop()
    ends.push(...cuts(segment).map((end) => index + end))
  }
  return ends.map((end, i) => trimmed(line, ends[i - 1] ?? 0, end))
}

/** Where a sentence ends, and before that where it must be cut. */
function cuts(sentence: string): number[] {
  const ends: number[] = []
  let at = 0
  while (sentence.length - at > PASSAGE_CHARS) {
    const space = sentence.slice(at, at + PASSAGE_CHARS + 1).search(/\s\S*$/)
    at += space > 0 ? space + 1 : wholeCharacters(sentence, at, PASSAGE_CHARS)
    ends.push(at)
  }
  if (at < sentence.length) ends.push(sentence.length)
  return ends
}

function wholeCharacters(text: string, at: number, length: number): number {
  const low = text.charCodeAt(at + length)
  return low >= 0xdc00 && low < 0xe000 ? length - 1 : length
}

function trimmed(line: string, start: number, end: number): Passage {
  const text = line.slice(start, end)
  const front = text.length - text.trimStart().length
  return { text: text.trim(), start: start + front }
}
