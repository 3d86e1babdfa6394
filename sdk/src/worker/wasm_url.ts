/** Where nearfield.wasm lies. Alone in a file so that bundlers see the one literal they look for. */
export function wasmUrl(): URL {
  return new URL('./nearfield.wasm', import.meta.url)
}
