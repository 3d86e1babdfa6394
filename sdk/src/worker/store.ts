/**
 * One model's file in OPFS, held by sync access handles (exclusive: see the lock in load.ts).
 * Owns the file and its marks. A chunk is marked only after its bytes were flushed, so a tab
 * killed at any moment leaves no mark that lies; load.ts checks the hash all the same.
 */

import type { ChunkPlace } from '../model/chunks.ts'
import { modelFolder, removeModel } from '../model/folder.ts'
import type { Manifest } from '../model/manifest.ts'

export interface ModelStore {
  has(chunk: ChunkPlace): boolean
  /** Bytes read into `into`; fewer than asked when the file is cut. */
  read(chunk: ChunkPlace, into: Uint8Array): number
  /** Throws QuotaExceededError when there is no room. */
  write(chunk: ChunkPlace, bytes: Uint8Array): void
  /** The chunk's bytes are not what they should be. */
  forget(chunk: ChunkPlace): void
  close(): void
  /** Close and give the space back. */
  remove(): Promise<void>
}

/**
 * null: this browser keeps nothing here (private window), or another tab holds the file.
 * _fileUrl: where it was fetched from, for node/store.ts.
 */
export async function openStore(manifest: Manifest, _fileUrl: string): Promise<ModelStore | null> {
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
    marks.flush()
  }
  const close = () => {
    file.close()
    marks.close()
  }
  return {
    has: (chunk) => known[chunk.index] === 1,
    read: (chunk, into) => file.read(into, { at: chunk.offset }),
    write(chunk, bytes) {
      const written = file.write(bytes, { at: chunk.offset })
      if (written !== bytes.length) throw new DOMException('short write', 'QuotaExceededError')
      file.flush()
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
