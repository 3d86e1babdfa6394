/**
 * One writer per project: the first tab holds a Web Lock, later ones read only and take over
 * when it closes. Without Web Locks every tab writes, as the platform leaves no better answer.
 */
export interface Seat {
  readonly writer: boolean
  /** Give the project back. */
  release(): void
}

const lockName = (id: string) => `nearfield/project/${id}`

/** `onWriter` is called once if a reader becomes the writer later. */
export async function takeSeat(
  id: string,
  onWriter: () => void,
  locks: LockManager | undefined = navigator.locks,
): Promise<Seat> {
  if (!locks) return { writer: true, release: () => undefined }
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const writer = await new Promise<boolean>((resolve) => {
    locks
      .request(lockName(id), { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock ? held : undefined
      })
      .catch(() => resolve(true))
  })
  if (writer) return { writer, release }
  const waiting = new AbortController()
  locks
    .request(lockName(id), { signal: waiting.signal }, () => {
      onWriter()
      return held
    })
    .catch(() => undefined)
  return {
    writer,
    release: () => {
      waiting.abort()
      release()
    },
  }
}
