/// <reference types="node" />
/** The module as built (build/wasm) in a runtime of node's, without a worker around it. */
import { readFile } from 'node:fs/promises'
import { vi } from 'vitest'
import { compileModule } from '../worker/compile.ts'
import { type Runtime, startRuntime } from '../worker/runtime.ts'

export async function realRuntime(name = 'nearfield.wasm', bytesMax = 2 ** 28): Promise<Runtime> {
  const file = new URL(`../../../build/wasm/${name}`, import.meta.url)
  const bytes = await readFile(file).catch(() => {
    throw new Error(`build/wasm/${name} is missing: run ./dev build wasm first`)
  })
  vi.stubGlobal('fetch', async () => new Response(bytes))
  try {
    return await startRuntime(await compileModule(name, false), bytesMax)
  } finally {
    vi.unstubAllGlobals()
  }
}
