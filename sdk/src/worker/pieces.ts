/**
 * The pieces of one text on their way out, each given once. A text whose work begins again (it gave
 * way to something urgent, or its GPU was lost) is the same text: greedy and seeded sampling of one
 * model are functions of the request. Owns seeing to that: what was given already is not given
 * again, and a text that departs from it ends the request, as nobody can take a piece back.
 */
import { NearfieldError } from '../error.ts'

export class Pieces {
  readonly #give: (piece: string) => void
  #given = ''
  /** UTF-16 units of the text as it is computed now. */
  #at = 0

  constructor(give: (piece: string) => void) {
    this.#give = give
  }

  begin(): void {
    this.#at = 0
  }

  add(piece: string): void {
    const known = this.#given.slice(this.#at, this.#at + piece.length)
    if (!piece.startsWith(known)) {
      const line = 'the text came out differently when its work had to begin again'
      throw new NearfieldError('unsupported', line)
    }
    this.#at += piece.length
    const fresh = piece.slice(known.length)
    this.#given += fresh
    if (fresh !== '') this.#give(fresh)
  }
}
