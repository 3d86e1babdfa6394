/**
 * Where a text that is being written has enough: lines, words or sentences. Owns cutting the stream; a
 * model of this size does not count. Pure but for what it was given so far.
 */

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' })

/** Of the text so far: where it ends; null: it may go on. */
export type Cut = (text: string) => number | null

export const atMostLines =
  (n: number): Cut =>
  (text) => {
    let at = -1
    for (let i = 0; i < n; i++) {
      at = text.indexOf('\n', at + 1)
      if (at < 0) return null
    }
    return at
  }

/** One line of so many words. */
export const atMostWords =
  (n: number): Cut =>
  (text) => {
    const line = text.indexOf('\n')
    const next = Array.from(text.matchAll(/\S+/g))[n]
    const end = next ? text.slice(0, next.index).trimEnd().length : null
    return line < 0 ? end : Math.min(line, end ?? line)
  }

export const atMostSentences =
  (n: number): Cut =>
  (text) => {
    const paragraph = text.indexOf('\n\n')
    const next = Array.from(sentences.segment(text))[n]
    const end = next ? text.slice(0, next.index).trimEnd().length : null
    return paragraph < 0 ? end : Math.min(paragraph, end ?? paragraph)
  }

/** Pieces in, pieces out; what was given out is not taken back. White space at both ends is cut. */
export class Limit {
  readonly #cut: Cut
  #text = ''
  #given = 0
  full = false

  constructor(cut: Cut) {
    this.#cut = cut
  }

  add(piece: string): string {
    if (this.full) return ''
    this.#text = (this.#text + piece).replace(/^\s+/, '')
    const end = this.#cut(this.#text)
    this.full = end !== null
    // white space waits: it may be the last of the text
    const upTo = (end === null ? this.#text : this.#text.slice(0, end)).trimEnd().length
    const out = this.#text.slice(this.#given, Math.max(upTo, this.#given))
    this.#given = Math.max(upTo, this.#given)
    return out
  }
}
