/** Arithmetic of chunks: where each lies, and which runs of them one request can fetch. */
import type { Manifest } from './manifest.ts'

export interface ChunkPlace {
  index: number
  offset: number
  length: number
  sha256: string
}

export function chunkPlaces(manifest: Manifest): ChunkPlace[] {
  return manifest.chunks.map((sha256, index) => {
    const offset = index * manifest.chunk_bytes
    return {
      index,
      offset,
      length: Math.min(manifest.chunk_bytes, manifest.bytes - offset),
      sha256,
    }
  })
}

/** Ascending places joined to runs without a gap: one Range request each. */
export function runsOf(places: ChunkPlace[]): ChunkPlace[][] {
  const runs: ChunkPlace[][] = []
  for (const place of places) {
    const run = runs.at(-1)
    if (run && run[run.length - 1]!.index + 1 === place.index) run.push(place)
    else runs.push([place])
  }
  return runs
}
