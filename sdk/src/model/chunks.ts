/** Arithmetic of chunks: where each lies. */
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
