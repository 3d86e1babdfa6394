/** Fetches and compiles nearfield.wasm for shared or ordinary memory. Read next: runtime.ts. */
import { NearfieldError } from '../error.ts'
import { hasRelaxedSimd } from '../features.ts'
import { fetchModule } from '../fetch_module.ts'
import { hashHex } from '../model/hash.ts'
import { dropRelaxed, type MemoryImport, memoryImport, setMemoryShared } from './module.ts'

export interface Compiled {
  module: WebAssembly.Module
  /** What the module asks of its memory, in pages. */
  wants: MemoryImport
  shared: boolean
  /** Of the file as it was fetched; '' on a page that may not hash. */
  sha256: string
}

/** shared: threads can join; wants a cross-origin isolated page. relaxed: with relaxed SIMD. */
export async function compileModule(
  url: string,
  shared: boolean,
  relaxed = hasRelaxedSimd(),
): Promise<Compiled> {
  const bytes = await fetchModule(url)
  const sha256 = globalThis.crypto?.subtle ? await hashHex(bytes) : ''
  const wants = memoryImport(bytes)
  setMemoryShared(bytes, wants, shared)
  if (!relaxed) dropRelaxed(bytes)
  try {
    return { module: await WebAssembly.compile(bytes), wants, shared, sha256 }
  } catch (error) {
    const line = `nearfield.wasm does not run in this browser: ${error}`
    throw new NearfieldError('unsupported', line, { cause: error })
  }
}
