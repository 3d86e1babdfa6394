/**
 * Undo and redo over one immutable document. Every AI change and every batch is one step;
 * typing coalesces by word (typing.ts). Owns no UI state; shell/editor.ts holds the value.
 */
import type { Command } from './commands'
import { apply, touched } from './commands'
import type { CaptionDocument, Cue, CueId } from './cue'
import { cueById, withCues } from './cue'
import type { TypingRun } from './typing'
import { beginRun, continueRun } from './typing'

export interface Step {
  /** For a person: "Typing", "Fix", "Shorten 12 cues". */
  readonly label: string
  readonly command: Command
  readonly inverse: Command
  /** Set while further keystrokes may still join this step. */
  readonly typing: { readonly id: CueId; readonly run: TypingRun } | null
  /** Set while cues still arrive for this step (grow). At most one step of a history has it. */
  readonly growing?: boolean
}

export interface History {
  readonly past: readonly Step[]
  readonly present: CaptionDocument
  readonly future: readonly Step[]
}

/** What an undo or redo did, for focus and for the announcement. */
export interface Moved {
  readonly history: History
  readonly step: Step
  readonly cues: readonly CueId[]
}

export const createHistory = (present: CaptionDocument): History => ({
  past: [],
  present,
  future: [],
})

/** Returns the same history when the command changes nothing. */
export function commit(history: History, command: Command, label: string): History {
  const applied = apply(history.present, command)
  if (!applied) return history
  const step: Step = { label, command, inverse: applied.inverse, typing: null }
  return { past: [...history.past, step], present: applied.document, future: [] }
}

/** One keystroke's worth of new text for a cue. */
export function type(history: History, id: CueId, text: string): History {
  const before = cueById(history.present, id)?.text
  if (before === undefined || before === text) return history
  const command: Command = { kind: 'text', edits: [{ id, text }] }
  const applied = apply(history.present, command)
  if (!applied) return history
  const last = history.future.length === 0 ? history.past.at(-1) : undefined
  const run = last?.typing?.id === id ? continueRun(last.typing.run, before, text) : null
  const step: Step = {
    label: 'Typing',
    command,
    inverse: run && last ? last.inverse : applied.inverse,
    typing: { id, run: run ?? beginRun(before, text) },
  }
  const past = run ? history.past.slice(0, -1) : history.past
  return { past: [...past, step], present: applied.document, future: [] }
}

/** Ends the run of typing, so that the next keystroke starts a step of its own. */
export function seal(history: History): History {
  const last = history.past.at(-1)
  if (!last?.typing) return history
  return { ...history, past: [...history.past.slice(0, -1), { ...last, typing: null }] }
}

export function undo(history: History): Moved | null {
  const step = history.past.at(-1)
  const applied = step && apply(history.present, step.inverse)
  if (!step || !applied) return null
  return {
    step,
    cues: touched(applied.document, step.inverse),
    history: {
      past: history.past.slice(0, -1),
      present: applied.document,
      future: [{ ...step, typing: null }, ...history.future],
    },
  }
}

export function redo(history: History): Moved | null {
  const step = history.future[0]
  const applied = step && apply(history.present, step.command)
  if (!step || !applied) return null
  return {
    step,
    cues: touched(applied.document, step.command),
    history: {
      past: [...history.past, step],
      present: applied.document,
      future: history.future.slice(1),
    },
  }
}

/**
 * Cues that arrive while a person goes on editing. They join the end of the document and the one
 * step that grows, wherever in the history it is: no later step reaches behind the end, so all stay
 * right. Without such a step one begins, in place of the last `replaced` cues. While it is undone
 * the cues wait behind redo.
 */
export function grow(
  history: History,
  cues: readonly Cue[],
  label: string,
  replaced: number,
): History {
  if (hasGrowing(history)) {
    const shown = history.past.some((step) => step.growing)
    const { present } = history
    return {
      past: history.past.map((step) => longer(step, cues)),
      present: shown ? withCues(present.format, [...present.cues, ...cues]) : present,
      future: history.future.map((step) => longer(step, cues)),
    }
  }
  const at = history.present.cues.length - replaced
  const command: Command = { kind: 'splice', at, remove: replaced, insert: cues }
  const applied = apply(history.present, command)
  if (!applied) return history
  const step: Step = { label, command, inverse: applied.inverse, typing: null, growing: true }
  return { past: [...history.past, step], present: applied.document, future: [] }
}

/** Done or undone; false once the step that grew was undone and another change took its place. */
export const hasGrowing = ({ past, future }: History): boolean =>
  past.some((step) => step.growing) || future.some((step) => step.growing)

function longer(step: Step, cues: readonly Cue[]): Step {
  const { command, inverse, growing } = step
  if (!growing || command.kind !== 'splice' || inverse.kind !== 'splice') return step
  return {
    ...step,
    command: { ...command, insert: [...command.insert, ...cues] },
    inverse: { ...inverse, remove: inverse.remove + cues.length },
  }
}

/**
 * Nothing more arrives; the document is to hold `cues` from now on. One step with the arriving when
 * nothing was done since, else a step of its own. While the arriving is undone the document stays.
 */
export function settle(history: History, cues: readonly Cue[], label: string): History {
  const ended = stopGrowing(history)
  if (history.future.some((step) => step.growing)) return ended
  const last = history.past.at(-1)
  const before = last?.growing ? undo(ended)?.history : undefined
  const { past, present } = before ?? ended
  const command: Command = { kind: 'splice', at: 0, remove: present.cues.length, insert: cues }
  return commit({ past, present, future: [] }, command, before && last ? last.label : label)
}

export function stopGrowing(history: History): History {
  if (!hasGrowing(history)) return history
  const still = (step: Step) => (step.growing ? { ...step, growing: false } : step)
  return { ...history, past: history.past.map(still), future: history.future.map(still) }
}
