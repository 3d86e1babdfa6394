/**
 * Where a person lets edits run, kept in this browser. Owns the choices and their words. What they
 * mean edit by edit is the SDK's router. Knows no React.
 */
import type { RouteMode } from 'nearfield'

/** The SDK has one more, 'only_in_cloud': an editor without a network would be of no use. */
export type Mode = Exclude<RouteMode, 'only_in_cloud'>

interface Choice {
  readonly mode: Mode
  readonly label: string
  /** Where the text of a cue goes then. */
  readonly words: string
}

export const CHOICES: readonly Choice[] = [
  {
    mode: 'prefer_on_device',
    label: 'Prefer this device',
    words:
      'A cue goes to the server only when the model is not here yet, or this device fails or is slow.',
  },
  {
    mode: 'only_on_device',
    label: 'Only on this device',
    words: 'No text leaves it. Without the model nothing is suggested.',
  },
  {
    mode: 'prefer_in_cloud',
    label: 'Prefer the server',
    words: 'Each cue you ask about goes to the server. This device helps out when that fails.',
  },
]

const KEPT = 'nearfield/mode'
const DEFAULT: Mode = 'prefer_on_device'

/** What was chosen last; the default where storage is blocked or holds something else. */
export function keptMode(): Mode {
  try {
    const kept = localStorage.getItem(KEPT)
    return CHOICES.find(({ mode }) => mode === kept)?.mode ?? DEFAULT
  } catch {
    return DEFAULT
  }
}

export function keepMode(mode: Mode): void {
  try {
    localStorage.setItem(KEPT, mode)
  } catch {
    // then it holds as long as the page
  }
}
