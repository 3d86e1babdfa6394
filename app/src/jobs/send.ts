/**
 * A file on its way to the server, over as many connections as it takes: after a broken one it goes
 * on behind the last byte that the server has on its disk. Owns when an upload is made anew and when
 * it is taken off the server; not the requests (tus.ts) nor the waits (patience.ts).
 */
import { Patience } from './patience'
import { JobError } from './problem'
import type { Tus } from './tus'

/** Why a signal aborts when the person wants nothing of it to stay on the server. */
export const CANCELLED = new DOMException('cancelled', 'AbortError')

/** A server that loses its place again and again is not asked forever. */
const STALE_MAX = 3
/** After that its own clean-up takes what could not be taken off. */
const DROP_MS = 60_000

export interface Sending {
  readonly body: Blob
  /** An upload of the same bytes that was begun before. */
  readonly known: string | null
  readonly patience: Patience
  readonly signal: AbortSignal
  /** The upload it goes to: when it is made, once more when the server had forgotten the last. */
  readonly keep: (id: string) => void
  /** Bytes: on the server's disk after each answer, between them those that were handed out. */
  readonly progress: (sent: number) => void
}

/** Resolves to the id of an upload that is whole. */
export async function send(tus: Tus, sending: Sending): Promise<string> {
  const { body, patience, signal, keep, progress } = sending
  let id = sending.known
  let offset = 0
  let nStale = 0

  async function place(): Promise<string> {
    if (id !== null) {
      const known = await tus.offset(id, signal)
      // Without a byte more the next wait is longer all the same.
      patience.heard(known > offset)
      if (known > offset) nStale = 0
      offset = known
      return id
    }
    const made = await tus.create(body.size)
    if (signal.aborted) void drop(tus, made) // nobody knows its name
    signal.throwIfAborted()
    id = made
    offset = 0
    keep(made)
    patience.heard(false)
    return made
  }

  async function go(): Promise<string> {
    await readable(body)
    const to = await place()
    progress(offset)
    while (offset < body.size) {
      const end = await tus.append(to, body, offset, progress, signal)
      if (end <= offset) throw new JobError(502, 'the server takes nothing of it')
      offset = end
      progress(offset)
    }
    return to
  }

  /** 404: it was thrown away; 409: it ends elsewhere than we thought. */
  async function follow(): Promise<string> {
    for (;;) {
      try {
        return await go()
      } catch (error) {
        const status = id !== null && error instanceof JobError ? error.status : 0
        if ((status !== 404 && status !== 409) || nStale === STALE_MAX) throw error
        nStale += 1
        if (status === 404) id = null
      }
    }
  }

  try {
    return await patience.persist(follow)
  } catch (error) {
    if (signal.aborted && signal.reason === CANCELLED && id !== null) void drop(tus, id)
    throw error
  }
}

/** Never rejects. */
export async function drop(tus: Tus, id: string): Promise<void> {
  const patience = new Patience(AbortSignal.timeout(DROP_MS), () => undefined)
  await patience.persist(() => tus.drop(id)).catch(() => undefined)
}

/** A file that is gone from the disk looks like a lost connection. */
async function readable(body: Blob): Promise<void> {
  try {
    await body.slice(0, 1).arrayBuffer()
  } catch {
    throw new Error('the file can no longer be read')
  }
}
