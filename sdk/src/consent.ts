/**
 * What a download would cost, and the page's answer to it (OpenOptions.consent). Loaded when an app
 * has such a question, and only then. Owns the sum; nearfield.ts knows when it is asked.
 */
import { chunkPlaces } from './model/chunks.ts'
import { keptAdapterDigest, keptMarks } from './model/folder.ts'
import { type Manifest, manifestUrl } from './model/manifest.ts'
import type { DownloadNeed, OpenOptions } from './types.ts'
import { unlessAborted } from './unless_aborted.ts'

/** false: the answer was no. Nobody is asked when all of it is stored. */
export async function mayDownload(
  consent: NonNullable<OpenOptions['consent']>,
  model: string | URL,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (new URL(model).protocol === 'file:') return true // in Node: read where it lies
  const need = await needOf(model, manifest)
  return need.bytes === 0 || unlessAborted(Promise.resolve(consent(need)), signal)
}

/** The model's file and the adapters its manifest lists. */
async function needOf(model: string | URL, manifest: Manifest): Promise<DownloadNeed> {
  const marks = await keptMarks(manifest.sha256)
  let bytes = 0
  let total = manifest.bytes
  for (const { index, length } of chunkPlaces(manifest)) if (marks[index] !== 1) bytes += length
  for (const adapter of manifest.adapters ?? []) {
    total += adapter.bytes
    const url = new URL(adapter.file, manifestUrl(model)).href
    if ((await keptAdapterDigest(url)) !== adapter.sha256) bytes += adapter.bytes
  }
  const { connection } = (globalThis.navigator ?? {}) as { connection?: { saveData?: boolean } }
  return { bytes, total, saveData: connection?.saveData === true }
}
