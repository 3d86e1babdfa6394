/**
 * How fast edits are, so that a choice made by measuring can be doubted later: on another power
 * plan, a hot machine, a driver that was updated. Owns what is compared; what is done is host.ts's.
 *
 * Edits differ in length, so the measure is time for each token that was computed: on the CPU a
 * pass costs about as much as it has rows, on a GPU a longer edit is cheaper by this measure, never
 * dearer. Edits that search (limits, several versions) and those by rules alone do not count.
 */
import type { EditArgs } from '../protocol.ts'
import type { Receipt } from '../types.ts'

/** So many edits in a row are looked at together. */
const EDITS = 8
/** The middle one of them must be this much slower. */
const TIMES = 3

type Counted = Pick<
  Receipt,
  'totalMs' | 'passes' | 'inputTokens' | 'cachedTokens' | 'drafted' | 'outputTokens'
>

/** null: such an edit tells nothing. */
export function msPerToken(receipt: Counted): number | null {
  const { totalMs, passes, inputTokens, cachedTokens, drafted, outputTokens } = receipt
  const tokens = inputTokens - cachedTokens + drafted + outputTokens
  return passes > 0 && tokens > 0 ? totalMs / tokens : null
}

const isPlain = ({ variants = 1, maxChars, maxLines, maxCps }: EditArgs) =>
  variants === 1 && maxChars === undefined && maxLines === undefined && maxCps === undefined

export class Pace {
  #recent: number[] = []

  /** Begins anew: another engine, another choice. */
  reset(): void {
    this.#recent = []
  }

  /** Takes one edit; true: they are far slower than `measured`, of the same measure. */
  slow(request: EditArgs, receipt: Counted, measured: number): boolean {
    const ms = isPlain(request) ? msPerToken(receipt) : null
    if (ms === null) return false
    this.#recent = [...this.#recent, ms].slice(-EDITS)
    if (this.#recent.length < EDITS) return false
    const middle = this.#recent.toSorted((a, b) => a - b)[EDITS / 2]!
    return middle > TIMES * measured
  }
}
