/**
 * manifest.json of a model folder: what the file is, and the SHA-256 of every chunk of it.
 * Owns fetching, checking and keeping it. Used on the page (availability) and in the worker.
 * Read next: folder.ts (what the browser keeps), worker/load.ts.
 */
import { NearfieldError } from '../error.ts'
import { fetchWhenReady } from './fetch.ts'
import { keptManifest, manifestName, writeJson } from './folder.ts'
import { evict } from './room.ts'

export interface Manifest {
  name: string
  file: string
  bytes: number
  sha256: string
  chunk_bytes: number
  /** SHA-256, hex, of each chunk of chunk_bytes bytes; the last may be shorter. */
  chunks: string[]
  /** What tunes the model for a task, beside its file; at most one a task is used. */
  adapters?: ListedAdapter[]
}
export interface ListedAdapter {
  task: string
  file: string
  bytes: number
  sha256: string
}

const isHash = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0

function isListed(value: unknown): value is ListedAdapter {
  const one = (value ?? {}) as ListedAdapter
  const named = [one.task, one.file].every((name) => typeof name === 'string' && name !== '')
  return named && isSize(one.bytes) && isHash(one.sha256)
}

/** The manifest, or a NearfieldError 'bad_input' that says what is wrong with it. */
export function checkManifest(value: unknown, url: string): Manifest {
  const m = value as Manifest
  const wrong = (what: string) => new NearfieldError('bad_input', `${url}: ${what}`)
  if (typeof m !== 'object' || m === null) throw wrong('not a JSON object')
  if (typeof m.name !== 'string' || typeof m.file !== 'string' || m.file === '') {
    throw wrong('"name" and "file" must be strings')
  }
  if (!isSize(m.bytes) || !isSize(m.chunk_bytes)) {
    throw wrong('"bytes" and "chunk_bytes" must be positive whole numbers')
  }
  const nChunks = Math.ceil(m.bytes / m.chunk_bytes)
  if (!Array.isArray(m.chunks) || m.chunks.length !== nChunks) {
    throw wrong(`"chunks" must hold ${nChunks} hashes for ${m.bytes} bytes`)
  }
  const adapters: unknown = m.adapters ?? []
  if (!Array.isArray(adapters) || !adapters.every(isListed)) {
    throw wrong('"adapters" must hold task, file, bytes and sha256 of each')
  }
  if (![m.sha256, ...m.chunks].every(isHash)) throw wrong('a SHA-256 is not 64 hex digits')
  return m
}

export function manifestUrl(model: string | URL): string {
  const folder = String(model)
  return new URL('manifest.json', folder.endsWith('/') ? folder : `${folder}/`).href
}

/** From the network; where there is none, as kept from the last time. */
export async function loadManifest(model: string | URL, signal?: AbortSignal): Promise<Manifest> {
  const url = manifestUrl(model)
  let response: Response
  try {
    response = await fetchWhenReady(url, signal)
  } catch (error) {
    signal?.throwIfAborted()
    const kept = await keptManifest(url)
    if (kept) return checkManifest(kept, url)
    throw new NearfieldError('network', `${url} could not be fetched`, { cause: error })
  }
  if (!response.ok) {
    const kept = response.status >= 500 ? await keptManifest(url) : null
    if (kept) return checkManifest(kept, url)
    throw new NearfieldError('network', `${url}: the server answered ${response.status}`)
  }
  let value: unknown
  try {
    value = await response.json()
  } catch (error) {
    signal?.throwIfAborted()
    throw new NearfieldError('bad_input', `${url}: not JSON`, { cause: error })
  }
  return checkManifest(value, url)
}

/**
 * For a model that has been opened and lies in the browser's storage: it opens without its server
 * from now on, and the one that it replaces at this URL makes way, unless a tab uses that. Never
 * fails: a manifest that could not be kept only costs the start without the server.
 */
export async function keepManifest(model: string | URL, manifest: Manifest): Promise<void> {
  try {
    const url = manifestUrl(model)
    const before = (await keptManifest(url)) as { sha256?: string } | null
    if (JSON.stringify(before) === JSON.stringify(manifest)) return
    await writeJson('manifests', await manifestName(url), manifest)
    if (before?.sha256 && before.sha256 !== manifest.sha256) await evict(before.sha256)
  } catch {
    // no room, or neither way to write
  }
}
