/**
 * One model's file in OPFS, held by sync access handles (exclusive: see the lock in load.ts).
 * Owns the file and its marks. A chunk is marked after its bytes were written, so a tab killed at
 * any moment leaves no mark that lies. Nothing is flushed: what a power cut takes of what was marked
 * is found by its hash (load.ts), and waiting for the disk would cost as much as the download.
 */

import type { ChunkPlace } from '../model/chunks.ts'
import { modelFolder, removeModel } from '../model/folder.ts'
import type { Manifest } from '../model/manifest.ts'

export interface ModelStore {
  has(chunk: ChunkPlace): boolean
  /** From `offset` on; what a cut file does not have is left as it was. */
  read(offset: number, into: Uint8Array): void
  /** Throws QuotaExceededError when there is no room. */
  write(chunk: ChunkPlace, bytes: Uint8Array): void
  /** The chunk's bytes are not what they should be. */
  forget(chunk: ChunkPlace): void
  close(): void
  /** Close and give the space back. */
  remove(): Promise<void>
}

/** null: this browser keeps nothing here (private window), or another tab holds the file. */
export async function openStore(manifest: Manifest): Promise<ModelStore | null> {
  let file: FileSystemSyncAccessHandle | null = null
  let marks: FileSystemSyncAccessHandle
  try {
    const folder = await modelFolder(manifest.sha256, true)
    if (!folder) return null
    file = await (await folder.getFileHandle('file', { create: true })).createSyncAccessHandle()
    marks = await (await folder.getFileHandle('chunks', { create: true })).createSyncAccessHandle()
  } catch {
    file?.close()
    return null
  }
  return storeOver(file, marks, manifest)
}

function storeOver(
  file: FileSystemSyncAccessHandle,
  marks: FileSystemSyncAccessHandle,
  manifest: Manifest,
): ModelStore {
  const known = new Uint8Array(manifest.chunks.length)
  marks.read(known, { at: 0 })
  const mark = (chunk: ChunkPlace, value: 0 | 1) => {
    known[chunk.index] = value
    marks.write(Uint8Array.of(value), { at: chunk.index })
  }
  const close = () => {
    file.close()
    marks.close()
  }
  return {
    has: (chunk) => known[chunk.index] === 1,
    read: (offset, into) => void file.read(into, { at: offset }),
    write(chunk, bytes) {
      const written = file.write(bytes, { at: chunk.offset })
      if (written !== bytes.length) throw new DOMException('short write', 'QuotaExceededError')
      mark(chunk, 1)
    },
    forget: (chunk) => mark(chunk, 0),
    close,
    async remove() {
      close()
      await removeModel(manifest.sha256)
    },
  }
}
