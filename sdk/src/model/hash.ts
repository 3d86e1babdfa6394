/** SHA-256 through the platform; where the page may not use it, a clear error. */
import { NearfieldError } from '../error.ts'

export async function hashHex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new NearfieldError(
      'unsupported',
      'the model cannot be verified here: the page must be served over https or from localhost',
    )
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
