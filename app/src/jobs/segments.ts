/**
 * What a transcriber says while it runs, as cues, and how the captions it lays out at the end take
 * their place without touching what a person has changed in the meantime. Pure.
 */
import type { CaptionCue, CaptionFormat } from 'nearfield'
import type { Cue } from '../document/cue'
import { newCueId } from '../document/cue'
import { savableText } from '../document/format'

export interface Segment {
  readonly i: number
  readonly startMs: number
  readonly endMs: number
  readonly text: string
  /** Of its first word, where the laid out captions can begin a cue. */
  readonly firstWordMs: number
}

/** A segment and the cue it became; null: that cue is not in the document any more. */
export interface Heard {
  readonly segment: Segment
  readonly cue: Cue | null
}

/** Null when it is not what docs/server.md says of the event `segment`. */
export function readSegment(data: unknown): Segment | null {
  const { i, start_ms, end_ms, text, words } = (data ?? {}) as Record<string, unknown>
  if (!Number.isInteger(i) || !Number.isInteger(start_ms) || !Number.isInteger(end_ms)) return null
  if (typeof text !== 'string') return null
  const startMs = start_ms as number
  const first: unknown = Array.isArray(words) ? words[0]?.[0] : undefined
  const firstWordMs = typeof first === 'number' ? Math.round(first * 1000) : startMs
  return {
    i: i as number,
    startMs,
    endMs: Math.max(end_ms as number, startMs + 1),
    text,
    firstWordMs,
  }
}

/** Text as the format's file holds it: a transcriber says plain words, WebVTT has entities. */
function fileText(text: string, format: CaptionFormat): string {
  if (format === 'srt') return text
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return savableText(escaped, format)
}

export const segmentCue = (segment: Segment, format: CaptionFormat): Cue => ({
  id: newCueId(),
  source: null,
  startMs: segment.startMs,
  endMs: segment.endMs,
  text: fileText(segment.text, format),
  settings: '',
  label: '',
})

const same = (a: Cue, b: Cue) => a.text === b.text && a.startMs === b.startMs && a.endMs === b.endMs

/** After a reload: the cue at or behind place `from` that this segment became, if it is unchanged. */
export function findCue(cues: readonly Cue[], from: number, made: Cue): number {
  return cues.findIndex((cue, i) => i >= from && same(cue, made))
}

interface Block {
  readonly heard: Heard[]
  readonly laidOut: CaptionCue[]
}

/**
 * The document's cues with those of untouched segments replaced by the laid out ones. Both are the
 * same words cut differently, so they are compared in blocks: from one moment at which a segment
 * and a laid out cue both begin to the next. A block in which a person changed, split, merged or
 * deleted anything stays whole as it is.
 */
export function layOut(
  cues: readonly Cue[],
  heard: readonly Heard[],
  laidOut: readonly CaptionCue[],
): readonly Cue[] {
  const now = new Map(cues.map((cue) => [cue.id, cue]))
  const untouched = ({ cue }: Heard) => {
    const found = cue && now.get(cue.id)
    return found ? same(found, cue) : false
  }
  const placed = new Map<number, readonly Cue[]>() // by the id of a cue that goes
  for (const block of blocksOf(heard, laidOut)) {
    if (!block.heard.every(untouched)) continue
    const fresh = block.laidOut.map((cue) => ({ ...cue, id: newCueId(), source: null, label: '' }))
    for (const [i, { cue }] of block.heard.entries()) {
      if (cue) placed.set(cue.id, i === 0 ? fresh : [])
    }
  }
  return cues.flatMap((cue) => placed.get(cue.id) ?? [cue])
}

/** Times are of the same words, but rounded by two programs. */
const ROUNDING_MS = 1

function blocksOf(heard: readonly Heard[], laidOut: readonly CaptionCue[]): readonly Block[] {
  const blocks: Block[] = []
  let next = 0
  let block: Block = { heard: [], laidOut: [] }
  for (const one of heard) {
    const { firstWordMs } = one.segment
    const before = (cue: CaptionCue) => cue.startMs < firstWordMs - ROUNDING_MS
    for (let cue = laidOut[next]; cue && before(cue); cue = laidOut[next]) {
      block.laidOut.push(cue)
      next += 1
    }
    const cue = laidOut[next]
    if (cue && cue.startMs <= firstWordMs + ROUNDING_MS && block.heard.length > 0) {
      blocks.push(block)
      block = { heard: [], laidOut: [] }
    }
    block.heard.push(one)
  }
  block.laidOut.push(...laidOut.slice(next))
  return [...blocks, block]
}
