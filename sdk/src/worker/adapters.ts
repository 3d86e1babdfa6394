/**
 * LoRA adapters of one model: their files, kept so that an engine that takes another's place has
 * them too. Owns the bytes and the list; an engine opens them (engine.ts) when an edit names one.
 */
import { NearfieldError } from '../error.ts'
import { fetchWhenReady } from '../model/fetch.ts'
import type { Adapter } from '../types.ts'

/** Of rank 64 for 30 layers of a 135M model: 25 MB. */
const FILE_BYTES_MAX = 2 ** 28

/** Rejects with a NearfieldError 'network' or 'bad_input', or as aborted. */
export async function fetchAdapter(url: string, signal: AbortSignal): Promise<Uint8Array> {
  let file: Uint8Array
  try {
    const response = await fetchWhenReady(url, signal)
    if (!response.ok) {
      throw new NearfieldError('network', `${url}: the server answered ${response.status}`)
    }
    file = new Uint8Array(await response.arrayBuffer())
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof NearfieldError) throw error
    throw new NearfieldError('network', `${url} could not be fetched`, { cause: error })
  }
  if (file.length === 0 || file.length > FILE_BYTES_MAX) {
    const line = `${url}: ${file.length} bytes; an adapter has 1 to ${FILE_BYTES_MAX}`
    throw new NearfieldError('bad_input', line)
  }
  return file
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
  fileOf(adapter: Adapter | undefined): Uint8Array | undefined {
    if (!adapter) return undefined
    const known = this.#files.get(adapter.sha256)
    if (!known) {
      throw new NearfieldError('bad_input', `the adapter '${adapter.name}' is not open here`)
    }
    return known.file
  }
}
