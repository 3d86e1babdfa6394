/**
 * Whether a model could run here, and whether it is stored already. Looks, and changes nothing
 * but the kept manifest. Knows wasm's minimum (SIMD) and the lock that a download holds.
 */
import { keptChunks } from './model/folder.ts'
import { loadManifest } from './model/manifest.ts'
import type { Availability } from './types.ts'

/** (func (drop (v128.const 0...))): validates only where SIMD128 is. */
const SIMD_PROBE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 23, 1, 21, 0, 253, 12,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 11,
)

/** Everything the engine cannot do without. */
export function canRun(): boolean {
  return (
    typeof Worker === 'function' &&
    typeof WebAssembly === 'object' &&
    WebAssembly.validate(SIMD_PROBE) &&
    globalThis.crypto?.subtle !== undefined
  )
}

export async function availabilityOf(model: URL): Promise<Availability> {
  if (!canRun()) return 'unavailable'
  try {
    const manifest = await loadManifest(model)
    if ((await keptChunks(manifest.sha256)) === manifest.chunks.length) return 'available'
    const locks = await navigator.locks?.query()
    const busy = locks?.held?.some((lock) => lock.name === `nearfield:${manifest.sha256}`)
    return busy ? 'downloading' : 'downloadable'
  } catch {
    return 'unavailable' // no manifest, now or kept: there is nothing to download
  }
}
