/**
 * What those who share a model ask of it: whether it still serves, and not to wait for it longer
 * than a signal says. Owns no model: who opens and closes one is web/models.ts's, react/models.ts's
 * and ai_sdk.ts's.
 */
import type { Nearfield } from './index.ts'

/** One whose worker has ended, or that somebody has closed, answers no more. null: on its way. */
export function isAlive(nearfield: Nearfield | null): boolean {
  const state = nearfield?.status.state
  return state !== 'lost' && state !== 'closed'
}

/** What is promised, or the signal's reason as soon as it is aborted; the work itself goes on. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
