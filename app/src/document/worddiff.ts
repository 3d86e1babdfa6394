/**
 * A suggestion as words: what stays, and numbered changes that can be taken one by one.
 * The comparison is npm `diff`; owns only the grouping and the offsets.
 */
import { diffArrays } from 'diff'

export type DiffPart =
  | { readonly kind: 'same'; readonly text: string }
  | {
      readonly kind: 'change'
      readonly index: number
      /** Offset of `removed` in the text before, UTF-16 units. */
      readonly start: number
      readonly removed: string
      readonly added: string
    }

/** Words with their apostrophes and hyphens, tags, runs of space, single other characters. */
const TOKENS = /\n|[^\S\n]+|<[^<>]*>|[\p{L}\p{N}\p{M}]+(?:['’.,-][\p{L}\p{N}\p{M}]+)*|./gsu

const tokens = (text: string): string[] => text.match(TOKENS) ?? []

export function wordDiff(before: string, after: string): readonly DiffPart[] {
  const parts: DiffPart[] = []
  let start = 0
  let index = 0
  let removed = ''
  let added = ''
  const flush = () => {
    if (!removed && !added) return
    parts.push({ kind: 'change', index, start, removed, added })
    index += 1
    start += removed.length
    removed = ''
    added = ''
  }
  for (const piece of diffArrays(tokens(before), tokens(after))) {
    const text = piece.value.join('')
    if (piece.removed) removed += text
    else if (piece.added) added += text
    else {
      flush()
      parts.push({ kind: 'same', text })
      start += text.length
    }
  }
  flush()
  return parts
}

/** `before` with one of its changes taken. */
export function takeChange(before: string, parts: readonly DiffPart[], index: number): string {
  const part = parts.find((part) => part.kind === 'change' && part.index === index)
  if (part?.kind !== 'change') return before
  return before.slice(0, part.start) + part.added + before.slice(part.start + part.removed.length)
}

export const countChanges = (parts: readonly DiffPart[]): number =>
  parts.reduce((n, part) => n + (part.kind === 'change' ? 1 : 0), 0)

/** For a screen reader: "starts becomes started; a removed". */
export function describeChanges(parts: readonly DiffPart[]): string {
  const words: string[] = []
  for (const part of parts) {
    if (part.kind === 'change') words.push(describeChange(part.removed, part.added))
  }
  return words.join('; ')
}

export function describeChange(removed: string, added: string): string {
  const name = (text: string) => text.trim() || (text.includes('\n') ? 'line break' : 'space')
  if (!added) return `${name(removed)} removed`
  if (!removed) return `${name(added)} added`
  return `${name(removed)} becomes ${name(added)}`
}
