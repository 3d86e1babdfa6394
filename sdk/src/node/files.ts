/**
 * fetch() that reads file: URLs too, and the manifest of a GGUF file that has none: for
 * MODEL.gguf/manifest.json it is made from the file itself, as nearfield-server makes it. Such a
 * manifest says what the file is, not what it should be.
 * Does not own: how the model's bytes are read (store.ts).
 */
import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Manifest } from '../model/manifest.ts'

const CHUNK_BYTES = 8 << 20
const MADE = /\.gguf\/manifest\.json$/i

/** As the global one. A file that cannot be read rejects; its error says why. */
export const fetch: typeof globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.protocol !== 'file:') return globalThis.fetch(input, init)
  init?.signal?.throwIfAborted()
  if (MADE.test(url.pathname))
    return Response.json(await manifestOf(path.dirname(fileURLToPath(url))))
  return new Response(await readFile(url))
}

async function manifestOf(file: string): Promise<Manifest> {
  const handle = await open(file)
  try {
    const whole = createHash('sha256')
    const chunks: string[] = []
    const buffer = new Uint8Array(CHUNK_BYTES)
    let bytes = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, bytes)
      if (bytesRead === 0) break
      const chunk = buffer.subarray(0, bytesRead)
      whole.update(chunk)
      chunks.push(createHash('sha256').update(chunk).digest('hex'))
      bytes += bytesRead
    }
    const base = path.basename(file)
    return {
      name: base.slice(0, -'.gguf'.length).toLowerCase(),
      file: `../${encodeURIComponent(base)}`, // beside the folder that MODEL.gguf/ is read as
      bytes,
      sha256: whole.digest('hex'),
      chunk_bytes: CHUNK_BYTES,
      chunks,
    }
  } finally {
    await handle.close()
  }
}
