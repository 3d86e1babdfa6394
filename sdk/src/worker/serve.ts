/**
 * The worker's end of the protocol: runs the handler of each call, sends its value or failure,
 * and gives it a signal that a 'cancel' message aborts. Read next: ../protocol.ts.
 */

import type { CallMessage, CallName, Calls, FromWorker, Progress, ToWorker } from '../protocol.ts'
import { toWire } from '../wire_error.ts'

export interface CallContext {
  signal: AbortSignal
  /** performance.timeOrigin + performance.now() of the page when it asked. */
  sentAt: number
  progress(progress: Progress): void
  /** Sends text ahead of the value. */
  piece(piece: string): void
}
export type Handlers = {
  [Name in CallName]: (
    args: Calls[Name]['args'],
    context: CallContext,
  ) => Promise<Calls[Name]['value']>
}

type Heard = Extract<ToWorker, { kind: 'call' | 'cancel' }>

export function serveCalls(
  post: (message: FromWorker) => void,
  handlers: Handlers,
): (message: Heard) => void {
  const running = new Map<number, AbortController>()
  const answer = async (call: CallMessage) => {
    const { id, name, args, sentAt } = call
    const controller = new AbortController()
    running.set(id, controller)
    const context: CallContext = {
      signal: controller.signal,
      sentAt,
      progress: (progress) => post({ kind: 'progress', id, progress }),
      piece: (piece) => post({ kind: 'piece', id, piece }),
    }
    try {
      const handler = handlers[name] as (
        a: unknown,
        c: CallContext,
      ) => Promise<Calls[CallName]['value']>
      post({ kind: 'value', id, value: await handler(args, context) })
    } catch (error) {
      post({ kind: 'failure', id, error: toWire(error) })
    } finally {
      running.delete(id)
    }
  }
  return (message) => {
    if (message.kind === 'cancel') running.get(message.id)?.abort()
    else void answer(message)
  }
}
