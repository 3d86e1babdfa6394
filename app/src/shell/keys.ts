/**
 * Key chords: matching them to events and writing them for people. 'Mod' is Ctrl, or Cmd on a
 * Mac. Letters and digits match by event.code when Alt is held (Alt+F types "ƒ" on a Mac). Pure.
 */
export interface Chord {
  readonly mod: boolean
  readonly alt: boolean
  readonly shift: boolean
  readonly key: string
}

export const isMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '')

export function parseChord(text: string): Chord {
  const parts = text.split('+')
  return {
    mod: parts.includes('Mod'),
    alt: parts.includes('Alt'),
    shift: parts.includes('Shift'),
    key: parts.at(-1) ?? '',
  }
}

export type KeyLike = Pick<
  KeyboardEvent,
  'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'
>

export function matches(chord: Chord, event: KeyLike, mac = isMac): boolean {
  const mod = mac ? event.metaKey : event.ctrlKey
  const stray = mac ? event.ctrlKey : event.metaKey
  if (mod !== chord.mod || stray || event.altKey !== chord.alt || event.shiftKey !== chord.shift) {
    return false
  }
  if (event.key.toLowerCase() === chord.key.toLowerCase()) return true
  const code = /\d/.test(chord.key) ? `Digit${chord.key}` : `Key${chord.key.toUpperCase()}`
  return chord.key.length === 1 && chord.alt && event.code === code
}

const MAC_SIGNS: Record<string, string> = { Mod: '⌘', Alt: '⌥', Shift: '⇧' }
const NAMES: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc', Mod: 'Ctrl' }

export function chordName(text: string, mac = isMac): string {
  const parts = text.split('+')
  if (mac) return parts.map((part) => MAC_SIGNS[part] ?? NAMES[part] ?? part).join('')
  return parts.map((part) => NAMES[part] ?? part).join('+')
}

/** For aria-keyshortcuts. */
export const ariaChord = (text: string, mac = isMac): string =>
  text.replace('Mod', mac ? 'Meta' : 'Control')
