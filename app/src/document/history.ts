/**
 * Undo and redo over one immutable document. Every AI change and every batch is one step;
 * typing coalesces by word (typing.ts). Owns no UI state; shell/editor.ts holds the value.
 */
import type { Command } from './commands'
import { apply, touched } from './commands'
import type { CaptionDocument, CueId } from './cue'
import { cueById } from './cue'
import type { TypingRun } from './typing'
import { beginRun, continueRun } from './typing'

export interface Step {
  /** For a person: "Typing", "Fix", "Shorten 12 cues". */
  readonly label: string
  readonly command: Command
  readonly inverse: Command
  /** Set while further keystrokes may still join this step. */
  readonly typing: { readonly id: CueId; readonly run: TypingRun } | null
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
