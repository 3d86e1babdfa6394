/**
 * Where models lie in the browser's own storage (OPFS), and the manifest each came with.
 *   nearfield/models/SHA256/file     the model's bytes
 *   nearfield/models/SHA256/chunks   one byte a chunk: 1 when it was verified and written; then, as
 *                                    f64, when the model was last used, in ms since 1970
 *   nearfield/manifests/HASH.json    the manifest of the URL with that SHA-256, of the model
 *                                    that was last wholly kept from there (manifest.ts)
 *   nearfield/choices/SHA256.json    the backend found best for a model (choice.ts)
 *   nearfield/adapters/HASH          the adapter of the URL with that SHA-256 (worker/adapters.ts)
 *   nearfield/prefixes/KEY           what a task's prompts begin with (worker/prefixes.ts)
 * Everything here answers null where there is no storage (private window, insecure page).
 */
import { hashHex } from './hash.ts'

export async function folder(
  create: boolean,
  ...path: string[]
): Promise<FileSystemDirectoryHandle | null> {
  try {
    let at = await navigator.storage.getDirectory()
    for (const name of ['nearfield', ...path]) at = await at.getDirectoryHandle(name, { create })
    return at
  } catch {
    return null
  }
}

/** What follows the marks of a model's chunks: see above. */
export const USED_BYTES = 8

export function modelFolder(
  sha256: string,
  create: boolean,
): Promise<FileSystemDirectoryHandle | null> {
  return folder(create, 'models', sha256)
}

/** false: another tab reads it, or it is gone; either way it is not ours to remove now. */
export async function removeModel(sha256: string): Promise<boolean> {
  try {
    await (await folder(false, 'models'))?.removeEntry(sha256, { recursive: true })
    return true
  } catch {
    return false
  }
}

/** The marks of a model's chunks: 1 is kept. Empty where nothing is. */
export async function keptMarks(sha256: string): Promise<Uint8Array> {
  try {
    const handle = await (await modelFolder(sha256, false))?.getFileHandle('chunks')
    const file = (await handle?.getFile())?.slice(0, -USED_BYTES)
    if (file) return new Uint8Array(await file.arrayBuffer())
  } catch {
    // no storage
  }
  return new Uint8Array(0)
}

/** How many chunks are marked as kept. */
export async function keptChunks(sha256: string): Promise<number> {
  return (await keptMarks(sha256)).reduce((n, mark) => n + (mark === 1 ? 1 : 0), 0)
}

/** What a URL is called in a folder. */
export const urlName = (url: string): Promise<string> => hashHex(new TextEncoder().encode(url))
/** What a kept adapter begins with: the SHA-256 of the rest, in hex. */
export const DIGEST_CHARS = 64

/** The SHA-256 that the adapter kept from this URL was written with; null: there is none. */
export async function keptAdapterDigest(url: string): Promise<string | null> {
  try {
    const handle = await (await folder(false, 'adapters'))?.getFileHandle(await urlName(url))
    return handle ? await (await handle.getFile()).slice(0, DIGEST_CHARS).text() : null
  } catch {
    return null // a page that may not hash may not store either
  }
}

export const manifestName = async (url: string) => `${await urlName(url)}.json`

export async function readJson(name: string, file: string): Promise<unknown> {
  try {
    const handle = await (await folder(false, name))?.getFileHandle(file)
    return handle ? JSON.parse(await (await handle.getFile()).text()) : null
  } catch {
    return null
  }
}

/** Rejects when there is no room; does nothing where there is no storage. */
export async function writeJson(name: string, file: string, value: unknown): Promise<void> {
  const handle = await (await folder(true, name))?.getFileHandle(file, { create: true })
  if (handle) await writeBytes(handle, new TextEncoder().encode(JSON.stringify(value)))
}

export async function keptManifest(url: string): Promise<unknown> {
  return readJson('manifests', await manifestName(url))
}

/** Workers have sync handles in every browser; pages have createWritable in most. */
export async function writeBytes(
  file: FileSystemFileHandle,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const handle = await (file as Partial<SyncFileHandle>).createSyncAccessHandle?.()
  if (handle) {
    try {
      handle.truncate(0)
      if (handle.write(bytes, { at: 0 }) !== bytes.length) {
        throw new DOMException('short write', 'QuotaExceededError')
      }
    } finally {
      handle.close()
    }
    return
  }
  const writer = await file.createWritable()
  await writer.write(bytes)
  await writer.close()
}

/** What the page's types do not know of. */
interface SyncFileHandle {
  createSyncAccessHandle(): Promise<{
    truncate(size: number): void
    write(bytes: Uint8Array, options: { at: number }): number
    close(): void
  }>
}
