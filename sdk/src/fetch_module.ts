/** The bytes of a wasm module of this package (worker/compile.ts, route.ts). */
import { NearfieldError } from './error.ts'

export async function fetchModule(url: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url)
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  } catch (error) {
    throw new NearfieldError('network', `${url} could not be fetched: ${error}`, { cause: error })
  }
}
