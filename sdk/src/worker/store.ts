/**
 * One model's file in OPFS, held by sync access handles. Owns the file and its marks. A chunk is
 * marked after its bytes were written, so a tab killed at any moment leaves no mark that lies. Nothing
 * is flushed: what a power cut takes of what was marked is found by its hash (load.ts), and waiting
 * for the disk would cost as much as the download. Where the browser lets several tabs hold one file
 * (sharesFiles), those that only read need no turn; who writes has one (tabs.ts).
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
  /** Takes note of what other tabs have marked since. */
  refresh(): void
  close(): void
  /** Close and give the space back; another tab that holds the file keeps it. */
  remove(): Promise<void>
}

/** May several tabs hold one file here? Elsewhere the first one shuts the others out. */
export const sharesFiles = (): boolean =>
  'mode' in (globalThis.FileSystemSyncAccessHandle?.prototype ?? {})

const handleOf = async (folder: FileSystemDirectoryHandle, name: string) =>
  ((await folder.getFileHandle(name, { create: true })) as SharedFileHandle).createSyncAccessHandle(
    { mode: 'readwrite-unsafe' },
  )

/**
 * null: this browser keeps nothing here (private window), or another tab holds the file.
 * _fileUrl: where it was fetched from, for node/store.ts.
 */
export async function openStore(manifest: Manifest, _fileUrl: string): Promise<ModelStore | null> {
  let file: FileSystemSyncAccessHandle | null = null
  try {
    const folder = await modelFolder(manifest.sha256, true)
    if (!folder) return null
    file = await handleOf(folder, 'file')
    return storeOver(file, await handleOf(folder, 'chunks'), manifest)
  } catch {
    file?.close()
    return null
  }
}

function storeOver(
  file: FileSystemSyncAccessHandle,
  marks: FileSystemSyncAccessHandle,
  manifest: Manifest,
): ModelStore {
  const known = new Uint8Array(manifest.chunks.length)
  const refresh = () => {
    marks.read(known, { at: 0 })
  }
  const mark = (chunk: ChunkPlace, value: 0 | 1) => {
    known[chunk.index] = value
    marks.write(Uint8Array.of(value), { at: chunk.index })
  }
  const close = () => {
    file.close()
    marks.close()
  }
  refresh()
  try {
    marks.write(Float64Array.of(Date.now()), { at: known.length })
  } catch {
    // not a byte is free: what lies there can be read all the same
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
    refresh,
    close,
    async remove() {
      close()
      await removeModel(manifest.sha256)
    },
  }
}

/** What TypeScript's types do not know of yet. */
interface SharedFileHandle {
  createSyncAccessHandle(options: { mode: 'readwrite-unsafe' }): Promise<FileSystemSyncAccessHandle>
}
