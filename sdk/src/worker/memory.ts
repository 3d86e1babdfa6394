/**
 * Does a model fit this device, before any of it is downloaded? Owns the rule. What the engine takes
 * beside the file is known when the file's directory has come, and is taken then (src/api/load.c).
 */
import { NearfieldError } from '../error.ts'
import type { Manifest } from '../model/manifest.ts'

/** What wasm32 can address of a file, whatever the device has. */
const FILE_BYTES_MAX = 2 ** 31 - 1
/** Tables, keys and values, scratch: at least. */
const BESIDE_BYTES_MIN = 64 * 2 ** 20
/** Of the memory that the device has; the rest is the system's, the browser's and the page's. */
const SHARE = 0.5

/** inWasm: the file's bytes lie in the engine's own memory. Throws 'no_memory'. */
export function checkMemory({ name, bytes }: Manifest, inWasm: boolean): void {
  if (inWasm && bytes > FILE_BYTES_MAX) {
    const line = `${name} has ${bytes} bytes; in a browser a model may have ${FILE_BYTES_MAX}`
    throw new NearfieldError('no_memory', line)
  }
  const { deviceMemory: gib } = navigator as { deviceMemory?: number }
  if (gib === undefined || bytes + BESIDE_BYTES_MIN <= gib * SHARE * 2 ** 30) return
  const line = `${name} has ${bytes} bytes; half of this device's memory of ${gib} GiB is too little`
  throw new NearfieldError('no_memory', line)
}
