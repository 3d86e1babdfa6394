/** Whether those who share a model (web/, react/, ai_sdk.ts) may go on with it or have to replace it. */
import type { Nearfield } from './index.ts'

/** One whose worker has ended, or that somebody has closed, answers no more. null: on its way. */
export function isAlive(nearfield: Nearfield | null): boolean {
  const state = nearfield?.status.state
  return state !== 'lost' && state !== 'closed'
}
