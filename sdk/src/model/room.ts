/**
 * Room for a model in the browser's storage, before its download begins: older models of ours make
 * way, the least recently used first, none that a tab uses. Owns which go. The estimate is the
 * browser's, and Chromium's tells of room that is not there: a write that fails comes back here too.
 */
import { folder, removeModel, USED_BYTES } from './folder.ts'

/** The lock of the tab whose turn it is to download (worker/tabs.ts). */
export const turnName = (sha256: string) => `nearfield:${sha256}`
/** Held by each tab, shared, while it uses the model. */
const heldName = (sha256: string) => `nearfield use:${sha256}`

/** Says until the worker ends that the model is used here, so that nobody removes its file. */
export function holdModel(sha256: string): void {
  navigator.locks
    ?.request(heldName(sha256), { mode: 'shared' }, () => new Promise<void>(() => {}))
    .catch(() => {}) // a sandboxed frame: nothing is kept there either
}

/** Resolves to false when `bytes` more will not fit even so; `sha256`: the model they are of. */
export async function makeRoom(bytes: number, sha256: string): Promise<boolean> {
  const free = await freeBytes()
  if (bytes <= free) return true
  const others = await othersOldestFirst(sha256)
  if (others.reduce((sum, other) => sum + other.bytes, free) < bytes) return false // not in vain
  while (await evictOldest(sha256)) if (bytes <= (await freeBytes())) return true
  return false
}

/** Another model than this one makes way; false: there is none that may. */
export async function evictOldest(sha256: string): Promise<boolean> {
  for (const { name } of await othersOldestFirst(sha256)) if (await evict(name)) return true
  return false
}

/** Unlimited where the browser does not say. */
async function freeBytes(): Promise<number> {
  try {
    const { quota, usage = 0 } = await navigator.storage.estimate()
    return quota === undefined ? Number.POSITIVE_INFINITY : quota - usage
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** Those kept here; what ends a model's marks is the time of its last use (worker/store.ts). */
async function othersOldestFirst(
  sha256: string,
): Promise<{ name: string; bytes: number; usedMs: number }[]> {
  const found = []
  try {
    const models = await folder(false, 'models')
    for await (const handle of models?.values() ?? []) {
      if (handle.kind !== 'directory' || handle.name === sha256) continue
      const fileOf = (name: string) =>
        handle.getFileHandle(name).then(
          (file) => file.getFile(),
          () => null, // its tab ended before it was there
        )
      const [file, marks] = await Promise.all([fileOf('file'), fileOf('chunks')])
      const end = new DataView(
        (await marks?.slice(-USED_BYTES).arrayBuffer()) ?? new ArrayBuffer(0),
      )
      const usedMs = end.byteLength < USED_BYTES ? 0 : end.getFloat64(0, true)
      found.push({ name: handle.name, bytes: file?.size ?? 0, usedMs })
    }
  } catch {
    // another tab makes room just now
  }
  return found.sort((a, b) => a.usedMs - b.usedMs)
}

/** Not one in use, and none that is being read or written: the browser refuses that itself. */
export async function evict(sha256: string): Promise<boolean> {
  try {
    return await navigator.locks.request(heldName(sha256), { ifAvailable: true }, async (lock) =>
      lock ? removeModel(sha256) : false,
    )
  } catch {
    return false // no locks here: who uses what is not known, so it stays
  }
}
