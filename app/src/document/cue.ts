/**
 * The value a project is: an ordered list of cues, never changed in place.
 * Owns the types and look-ups; changes are commands.ts, undo is history.ts.
 * Knows neither React nor files.
 */
import type { CaptionCue, CaptionFormat } from 'nearfield'

/** Stable for the life of a cue within one page; never reused. */
export type CueId = number

export interface Cue extends Readonly<CaptionCue> {
  readonly id: CueId
}

export interface CaptionDocument {
  readonly format: CaptionFormat
  readonly cues: readonly Cue[]
  /** Position of each cue in `cues`. Shared by documents that differ in texts only. */
  readonly order: ReadonlyMap<CueId, number>
}

let lastId = 0
export const newCueId = (): CueId => {
  lastId += 1
  return lastId
}

export function createDocument(
  format: CaptionFormat,
  cues: readonly CaptionCue[],
): CaptionDocument {
  return withCues(
    format,
    cues.map((cue) => ({ ...cue, id: newCueId() })),
  )
}

export function withCues(format: CaptionFormat, cues: readonly Cue[]): CaptionDocument {
  return { format, cues, order: new Map(cues.map((cue, i) => [cue.id, i])) }
}

export function cueById(document: CaptionDocument, id: CueId | null): Cue | undefined {
  if (id === null) return undefined
  const i = document.order.get(id)
  return i === undefined ? undefined : document.cues[i]
}

/** The cue `step` places away, held at both ends of the list. */
export function neighbour(document: CaptionDocument, id: CueId, step: number): Cue | undefined {
  const i = document.order.get(id)
  if (i === undefined) return document.cues[0]
  const to = Math.max(0, Math.min(document.cues.length - 1, i + step))
  return document.cues[to]
}

/** What the SDK takes: a cue without the page's own id. */
export function toCaptionCue(cue: Cue): CaptionCue {
  const { source, startMs, endMs, text, settings, label } = cue
  return { source, startMs, endMs, text, settings, label }
}
