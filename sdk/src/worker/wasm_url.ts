/** Where the engine lies. Alone in a file so that bundlers see the literals they look for. */
import { hasRelaxedSimd } from '../features.ts'

export function wasmUrl(): URL {
  return hasRelaxedSimd()
    ? new URL('./nearfield-relaxed.wasm', import.meta.url)
    : new URL('./nearfield.wasm', import.meta.url)
}
