/**
 * How the last calls of this page ended, for report.ts: of a call that was answered the receipt,
 * of one that was not its error. No text is kept, and nothing outlives the page.
 */
import type { Receipt } from './types.ts'

export interface Noted {
  /** Of the clock, as Date.now(). */
  at: number
  /** 'load': a model, which open() may not wait for. */
  call: 'open' | 'load' | 'edit' | 'generate'
  /** A receipt, where the answer had one; else what the call rejected with. */
  ended: unknown
}

const MOST = 20
/** The newest last. */
export const journal: Noted[] = []

/** `work` itself; how it ends is noted. */
export function noted<T extends { receipt?: Partial<Receipt> } | object>(
  call: Noted['call'],
  work: Promise<T>,
): Promise<T> {
  const note = (ended: unknown) => {
    journal.push({ at: Date.now(), call, ended })
    if (journal.length > MOST) journal.shift()
  }
  work.then((value) => note('receipt' in value ? value.receipt : null), note)
  return work
}
