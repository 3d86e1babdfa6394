/**
 * fetch() that reads file: URLs too, and the manifest of a GGUF file that has none: for
 * MODEL.gguf/manifest.json it is made from the file itself and the adapters in MODEL.adapters/, as
 * nearfield-server makes it. Such a manifest says what the files are, not what they should be.
 * Does not own: how the model's bytes are read (store.ts).
 */
import { createHash } from 'node:crypto'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ListedAdapter, Manifest } from '../model/manifest.ts'

const CHUNK_BYTES = 8 << 20
const END = '.gguf'
const MADE = /\.gguf\/manifest\.json$/

/** As the global one. A file that cannot be read rejects; its error says why. */
export const fetch: typeof globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.protocol !== 'file:') return globalThis.fetch(input, init)
  init?.signal?.throwIfAborted()
  try {
    return new Response(await readFile(url))
  } catch (error) {
    const file = path.dirname(fileURLToPath(url))
    if (!MADE.test(url.pathname) || !(await isFile(file))) throw error
    return Response.json(await manifestOf(file))
  }
}

/** Asked, as what comes of reading below a file is ENOTDIR here and ENOENT on Windows. */
const isFile = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  )

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
    return {
      name: path.basename(file, END).toLowerCase(),
      file: `../${encodeURIComponent(path.basename(file))}`, // MODEL.gguf/ is read as a folder
      bytes,
      sha256: whole.digest('hex'),
      chunk_bytes: CHUNK_BYTES,
      chunks,
      adapters: await adaptersOf(file.slice(0, -END.length)),
    }
  } finally {
    await handle.close()
  }
}

/** What lies in STEM.adapters/TASK.gguf. */
async function adaptersOf(stem: string): Promise<ListedAdapter[]> {
  const folder = `${stem}.adapters`
  const names = await readdir(folder).catch(() => [])
  const files = names.filter((name) => name.endsWith(END)).sort()
  return Promise.all(
    files.map(async (name) => {
      const content = await readFile(path.join(folder, name))
      return {
        task: path.basename(name, END),
        file: `../${[path.basename(folder), name].map(encodeURIComponent).join('/')}`,
        bytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
      }
    }),
  )
}
