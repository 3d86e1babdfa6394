/**
 * Where a text that is being written has enough: words or sentences. Owns cutting the stream, and
 * making a list of sentences: a model of this size neither counts nor lists. Pure but for what it was given so far.
 */

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' })

/** Of the text so far: where it ends; null: it may go on. */
export type Cut = (text: string) => number | null

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

/** Pieces in, pieces out; what was given out is not taken back. */
export interface Limiter {
  add(piece: string): string
  /** Nothing more will come out. */
  readonly full: boolean
}

/** White space at both ends is cut. */
export class Limit implements Limiter {
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

/** A mark that the model put in front of a point by itself. */
const MARK = /^\s*(?:[-*\u2022]\s*|\d+[.)]\s+)?/

const PERHAPS_MARK = /^\s*(?:[-*\u2022]|\d+[.)]?)?\s*$/

/** At most so many sentences, as points of a list. */
export class Points implements Limiter {
  readonly #most: number
  /** Of the sentence that is being written; and how much of it went out. */
  #sentence = ''
  #given = 0
  #points = 0
  full = false

  constructor(most: number) {
    this.#most = most
  }

  add(piece: string): string {
    this.#sentence += piece
    let out = ''
    while (!this.full) {
      const [first, second] = sentences.segment(this.#sentence)
      if (!first) break
      out += this.#more(first.segment)
      if (!second) break
      // another sentence has begun: where this one ends is decided
      if (this.#given > 0 && this.#points === this.#most) this.full = true
      this.#sentence = this.#sentence.slice(second.index)
      this.#given = 0
    }
    return out
  }

  #more(sentence: string): string {
    if (PERHAPS_MARK.test(sentence)) return '' // what comes will tell
    const text = sentence.replace(MARK, '').trimEnd()
    if (text.length <= this.#given) return ''
    const begins = this.#given === 0 ? `${this.#points++ > 0 ? '\n' : ''}- ` : ''
    const out = begins + text.slice(this.#given)
    this.#given = text.length
    return out
  }
}
