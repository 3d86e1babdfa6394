/** availability.ts where nothing but a file is kept. */
import { loadManifest } from '../model/manifest.ts'
import type { Availability } from '../types.ts'

export async function availabilityOf(model: URL): Promise<Availability> {
  try {
    await loadManifest(model)
  } catch {
    return 'unavailable'
  }
  return model.protocol === 'file:' ? 'available' : 'downloadable'
}
