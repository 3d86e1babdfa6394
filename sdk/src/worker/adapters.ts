/**
 * LoRA adapters of one model: their files, kept so that an engine that takes another's place has
 * them too, and in the browser's storage, so that they are there without the server. Owns the bytes
 * and the list; an engine opens them (engine.ts) when an edit names one. What is stored is the
 * file's SHA-256 and the file: nearfield/adapters/ of model/folder.ts.
 */
import { NearfieldError } from '../error.ts'
import { fetchWhenReady } from '../model/fetch.ts'
import { DIGEST_CHARS, urlName } from '../model/folder.ts'
import { hashHex } from '../model/hash.ts'
import { keepBytes, keptBytes } from '../model/kept.ts'
import type { ListedAdapter } from '../model/manifest.ts'
import type { Adapter } from '../types.ts'

/** Of rank 64 for 30 layers of a 135M model: 25 MB. */
const FILE_BYTES_MAX = 2 ** 28

const LIMITS = { files: 16, bytes: FILE_BYTES_MAX + 2 ** 20 }

/**
 * From the network; where there is none, as kept from the last time. Rejects with a NearfieldError
 * 'network' or 'bad_input', or as aborted.
 */
export async function fetchAdapter(
  url: string,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  let file: Uint8Array<ArrayBuffer>
  try {
    const response = await fetchWhenReady(url, signal)
    if (!response.ok) {
      const kept = response.status >= 500 ? await keptAdapter(url) : null
      if (kept) return kept
      throw new NearfieldError('network', `${url}: the server answered ${response.status}`)
    }
    file = new Uint8Array(await response.arrayBuffer())
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof NearfieldError) throw error
    const kept = await keptAdapter(url)
    if (kept) return kept
    throw new NearfieldError('network', `${url} could not be fetched`, { cause: error })
  }
  if (file.length === 0 || file.length > FILE_BYTES_MAX) {
    const line = `${url}: ${file.length} bytes; an adapter has 1 to ${FILE_BYTES_MAX}`
    throw new NearfieldError('bad_input', line)
  }
  return file
}

/**
 * One that a manifest lists: as kept, if that is the very file, else from the network.
 * Rejects as fetchAdapter does, 'bad_input' too when the file is not the listed one.
 */
export async function listedAdapter(
  url: string,
  { sha256 }: ListedAdapter,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const kept = await keptAdapter(url, sha256)
  if (kept) return kept
  const file = await fetchAdapter(url, signal)
  if ((await hashHex(file)) !== sha256) {
    throw new NearfieldError('bad_input', `${url} does not have the manifest's SHA-256`)
  }
  await keepAdapter(url, sha256, file)
  return file
}

/** null: none, not as it was written, or not the one that is wanted. */
async function keptAdapter(url: string, wanted?: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = await keptBytes('adapters', await urlName(url))
  if (!bytes || bytes.length <= DIGEST_CHARS) return null
  const file = bytes.subarray(DIGEST_CHARS)
  const digest = new TextDecoder().decode(bytes.subarray(0, DIGEST_CHARS))
  if (wanted !== undefined && wanted !== digest) return null
  return (await hashHex(file)) === digest ? file : null
}

/** Once it has shown to be one; sha256: of the file. Never fails. */
export async function keepAdapter(
  url: string,
  sha256: string,
  file: Uint8Array<ArrayBuffer>,
): Promise<void> {
  if (!globalThis.crypto?.subtle) return // such a page has no storage either
  const name = await urlName(url)
  const before = await keptBytes('adapters', name)
  const head = new TextEncoder().encode(sha256)
  if (before?.length === head.length + file.length && head.every((byte, i) => byte === before[i])) {
    return
  }
  const bytes = new Uint8Array(head.length + file.length)
  bytes.set(head)
  bytes.set(file, head.length)
  await keepBytes('adapters', name, bytes, LIMITS)
}

export class Adapters {
  readonly #files = new Map<string, { adapter: Adapter; file: Uint8Array }>()

  keep(adapter: Adapter, file: Uint8Array): void {
    this.#files.set(adapter.sha256, { adapter, file })
  }
  list(): Adapter[] {
    return Array.from(this.#files.values(), ({ adapter }) => adapter)
  }
  /** What the engine needs of the adapter an edit names; undefined: it names none. */
  fileOf(adapter: Adapter | null | undefined): Uint8Array | undefined {
    if (!adapter) return undefined
    const known = this.#files.get(adapter.sha256)
    if (!known) {
      throw new NearfieldError('bad_input', `the adapter '${adapter.name}' is not open here`)
    }
    return known.file
  }
}
