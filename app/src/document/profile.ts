/**
 * The limits Shorten aims at: Netflix Timed Text Style Guide, English, adult programmes.
 * Whether a cue breaks them is the engine's lint, not this file; tests hold the two together.
 */
import type { EditRequest, Measure, Task } from 'nearfield'
import type { Cue } from './cue'

export const PROFILE = { name: 'netflix', cps: 20, lineChars: 42, lines: 2 } as const

export type Limits = Pick<EditRequest, 'maxChars' | 'maxLines' | 'maxCps' | 'durationMs'>

/** A cue that fits already is asked for a seventh less: somebody who presses Shorten wants less. */
export function limitsFor(task: Task, cue: Cue, measure: Measure | undefined): Limits {
  if (task !== 'shorten') return {}
  const durationMs = Math.max(0, cue.endMs - cue.startMs)
  const byRate = durationMs > 0 ? Math.floor((PROFILE.cps * durationMs) / 1000) : Infinity
  const room = Math.min(byRate, PROFILE.lineChars * PROFILE.lines)
  const chars = measure?.chars ?? cue.text.length
  const maxChars = chars > room ? room : Math.floor((chars * 6) / 7)
  return {
    maxChars: Math.max(1, maxChars),
    maxLines: PROFILE.lines,
    maxCps: PROFILE.cps,
    durationMs,
  }
}
