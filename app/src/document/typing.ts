/**
 * When keystrokes belong to one undo step: a run ends where a new word begins, where the
 * caret jumped, or where typing turned into deleting. Pure; used by history.ts only.
 */

/** text.slice(start, end) of the earlier text became `inserted`. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly inserted: string
}

/** The stretch of the current text that the run has produced so far. */
export interface TypingRun {
  readonly deleting: boolean
  readonly start: number
  readonly end: number
  readonly last: string
}

/** The one contiguous difference between two texts. */
export function spliceBetween(before: string, after: string): Splice {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start += 1
  let tail = 0
  while (
    tail < shorter - start &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) {
    tail += 1
  }
  return { start, end: before.length - tail, inserted: after.slice(start, after.length - tail) }
}

const isSpace = (text: string) => /\s/.test(text)

export function beginRun(before: string, after: string): TypingRun {
  const { start, end, inserted } = spliceBetween(before, after)
  const deleting = inserted === ''
  return {
    deleting,
    start,
    end: start + inserted.length,
    last: (deleting ? before.slice(start, end) : inserted).slice(-1),
  }
}

/** The longer run when this edit continues it, null when a new step must begin. */
export function continueRun(run: TypingRun, before: string, after: string): TypingRun | null {
  const { start, end, inserted } = spliceBetween(before, after)
  if (inserted === '') {
    const gone = before.slice(start, end)
    const touches = end === run.start || start === run.start
    if (!run.deleting || !touches || gone.length > 1) return null
    if (isSpace(gone) && !isSpace(run.last)) return null
    return { deleting: true, start, end: start, last: gone }
  }
  // The difference of "aa" and "aaa" can be seen at either end of the run: accept any place in it.
  const inside = start >= run.start && end <= run.end && start <= run.end
  if (run.deleting || !inside) return null
  if (end === start && [...inserted].length > 1) return null
  if (isSpace(run.last) && !isSpace(inserted)) return null
  return {
    deleting: false,
    start: run.start,
    end: run.end + inserted.length - (end - start),
    last: inserted.slice(-1),
  }
}
