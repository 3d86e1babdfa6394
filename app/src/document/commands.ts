/**
 * Every change a document can undergo, each with its inverse.
 * Owns apply(); who calls it and how steps are grouped is history.ts.
 */
import type { CaptionDocument, Cue, CueId } from './cue'
import { cueById, newCueId, withCues } from './cue'

export interface TextEdit {
  readonly id: CueId
  readonly text: string
}

export type Command =
  | { readonly kind: 'text'; readonly edits: readonly TextEdit[] }
  | {
      readonly kind: 'times'
      readonly id: CueId
      readonly startMs: number
      readonly endMs: number
    }
  | {
      readonly kind: 'splice'
      readonly at: number
      readonly remove: number
      readonly insert: readonly Cue[]
    }

export interface Applied {
  readonly document: CaptionDocument
  readonly inverse: Command
}

/** Edits of cues that are gone are skipped; a command that changes nothing gives null. */
export function apply(document: CaptionDocument, command: Command): Applied | null {
  switch (command.kind) {
    case 'text':
      return applyText(document, command.edits)
    case 'times':
      return applyTimes(document, command)
    case 'splice':
      return applySplice(document, command)
  }
}

function applyText(document: CaptionDocument, edits: readonly TextEdit[]): Applied | null {
  const cues = document.cues.slice()
  const undo: TextEdit[] = []
  for (const { id, text } of edits) {
    const i = document.order.get(id)
    const cue = i === undefined ? undefined : cues[i]
    if (i === undefined || !cue || cue.text === text) continue
    undo.unshift({ id, text: cue.text })
    cues[i] = { ...cue, text }
  }
  if (undo.length === 0) return null
  return { document: { ...document, cues }, inverse: { kind: 'text', edits: undo } }
}

function applyTimes(
  document: CaptionDocument,
  { id, startMs, endMs }: Extract<Command, { kind: 'times' }>,
): Applied | null {
  const i = document.order.get(id)
  const cue = i === undefined ? undefined : document.cues[i]
  if (i === undefined || !cue || (cue.startMs === startMs && cue.endMs === endMs)) return null
  return {
    document: { ...document, cues: document.cues.with(i, { ...cue, startMs, endMs }) },
    inverse: { kind: 'times', id, startMs: cue.startMs, endMs: cue.endMs },
  }
}

/** What a file has room for: 99:59:59,999. */
const TIME_MAX_MS = 359_999_999

/** Why a cue cannot have these times, for a person; null when it can. */
export function timesProblem(startMs: number, endMs: number): string | null {
  if (startMs < 0) return 'a cue cannot start before 0'
  if (endMs > TIME_MAX_MS) return 'a cue cannot end after 99:59:59.999'
  return endMs > startMs ? null : 'the end must be after the start'
}

function applySplice(
  document: CaptionDocument,
  { at, remove, insert }: Extract<Command, { kind: 'splice' }>,
): Applied | null {
  if (remove === 0 && insert.length === 0) return null
  if (at < 0 || at + remove > document.cues.length) return null
  const removed = document.cues.slice(at, at + remove)
  const cues = document.cues.toSpliced(at, remove, ...insert)
  return {
    document: withCues(document.format, cues),
    inverse: { kind: 'splice', at, remove: insert.length, insert: removed },
  }
}

/** Cut a cue in two at an offset of its text; time is shared out by characters. */
export function splitCommand(document: CaptionDocument, id: CueId, offset: number): Command | null {
  const cue = cueById(document, id)
  if (!cue) return null
  const first = cue.text.slice(0, offset).trimEnd()
  const second = cue.text.slice(offset).trimStart()
  if (!first || !second) return null
  const share = first.length / (first.length + second.length)
  const cut = Math.round(cue.startMs + (cue.endMs - cue.startMs) * share)
  return {
    kind: 'splice',
    at: document.order.get(id) ?? 0,
    remove: 1,
    insert: [
      { ...cue, endMs: cut, text: first },
      { ...cue, id: newCueId(), source: null, label: '', startMs: cut, text: second },
    ],
  }
}

/** Join a cue with the one after it, one text under the other. */
export function mergeCommand(document: CaptionDocument, id: CueId): Command | null {
  const at = document.order.get(id)
  if (at === undefined) return null
  const [cue, next] = document.cues.slice(at, at + 2)
  if (!cue || !next) return null
  const text = [cue.text, next.text].filter(Boolean).join('\n')
  return {
    kind: 'splice',
    at,
    remove: 2,
    insert: [{ ...cue, endMs: Math.max(cue.endMs, next.endMs), text }],
  }
}

export function deleteCommand(document: CaptionDocument, id: CueId): Command | null {
  const at = document.order.get(id)
  if (at === undefined || document.cues.length < 2) return null
  return { kind: 'splice', at, remove: 1, insert: [] }
}

/** The cues whose content a command touches, first one first. */
export function touched(document: CaptionDocument, command: Command): readonly CueId[] {
  if (command.kind === 'text') {
    const place = (id: CueId) => document.order.get(id) ?? 0
    return command.edits.map((edit) => edit.id).sort((a, b) => place(a) - place(b))
  }
  if (command.kind === 'times') return [command.id]
  if (command.insert.length > 0) return command.insert.map((cue) => cue.id)
  const near = document.cues[Math.min(command.at, document.cues.length - 1)]
  return near ? [near.id] : []
}
