/**
 * Whether a model could run here, and whether it is stored already. Looks, and changes nothing.
 * Knows the lock that a download holds (worker/load.ts).
 */
import { canRun } from './features.ts'
import { keptChunks } from './model/folder.ts'
import { loadManifest } from './model/manifest.ts'
import { turnName } from './model/room.ts'
import type { Availability } from './types.ts'

export async function availabilityOf(model: URL): Promise<Availability> {
  if (!canRun()) return 'unavailable'
  try {
    const manifest = await loadManifest(model)
    if ((await keptChunks(manifest.sha256)) === manifest.chunks.length) return 'available'
    const locks = await navigator.locks?.query()
    const busy = locks?.held?.some((lock) => lock.name === turnName(manifest.sha256))
    return busy ? 'downloading' : 'downloadable'
  } catch {
    return 'unavailable' // no manifest, now or kept: there is nothing to download
  }
}
