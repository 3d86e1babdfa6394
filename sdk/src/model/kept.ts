/**
 * Files that spare work or a download after a reload, in the browser's own storage:
 *   nearfield/FOLDER/NAME
 * Owns their bound: the longest not written go first. Never fails: without storage or room nothing
 * is kept. A tab may be killed while it writes, so whoever reads checks what he reads.
 * Does not own the model's file (worker/store.ts).
 */
import { folder, writeBytes } from './folder.ts'

/** Of one folder, the new file included. */
export interface Limits {
  files: number
  bytes: number
}

export async function keptBytes(
  folderName: string,
  name: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const handle = await (await folder(false, folderName))?.getFileHandle(name)
    return handle ? new Uint8Array(await (await handle.getFile()).arrayBuffer()) : null
  } catch {
    return null
  }
}

export async function keepBytes(
  folderName: string,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  limits: Limits,
): Promise<void> {
  if (bytes.length > limits.bytes) return
  try {
    const at = await folder(true, folderName)
    if (!at) return
    await makeRoom(at, name, bytes.length, limits)
    const file = await at.getFileHandle(name, { create: true })
    await writeBytes(file, bytes).catch(() => at.removeEntry(name)) // full: the space goes back
  } catch {
    // another tab holds it, or it cannot be removed now
  }
}

async function makeRoom(
  at: FileSystemDirectoryHandle,
  name: string,
  length: number,
  limits: Limits,
): Promise<void> {
  const others: File[] = []
  for await (const handle of at.values()) {
    if (handle.kind === 'file' && handle.name !== name) others.push(await handle.getFile())
  }
  others.sort((a, b) => b.lastModified - a.lastModified)
  let bytes = length
  for (const [i, { name, size }] of others.entries()) {
    bytes += size
    if (i + 2 > limits.files || bytes > limits.bytes) await at.removeEntry(name)
  }
}
