/// <reference types="node" />
/** The module as shipped (sdk/dist) in a runtime of node's, without a worker around it; an engine
 * of it over the real model, on the CPU with one thread. */
import { readFile } from 'node:fs/promises'
import { vi } from 'vitest'
import { Route } from '../route.ts'
import { compileModule } from '../worker/compile.ts'
import { Engine } from '../worker/engine.ts'
import { EngineLoad } from '../worker/engine_load.ts'
import { type Runtime, startRuntime } from '../worker/runtime.ts'

async function shipped(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = new URL(`../../dist/${name}`, import.meta.url)
  const bytes = await readFile(file).catch(() => {
    throw new Error(`sdk/dist/${name} is missing: run ./dev build sdk first`)
  })
  return new Uint8Array(bytes)
}

export const realRoute = async (): Promise<Route> =>
  Route.load(await shipped('nearfield-route.wasm'))

/** relaxed: false as in a browser without relaxed SIMD. */
export async function realRuntime(bytesMax = 2 ** 28, relaxed = true): Promise<Runtime> {
  const bytes = await shipped('nearfield.wasm')
  vi.stubGlobal('fetch', async () => new Response(bytes))
  try {
    return await startRuntime(await compileModule('nearfield.wasm', false, relaxed), bytesMax)
  } finally {
    vi.unstubAllGlobals()
  }
}

/** identity: '' keeps no prefixes. */
export async function realEngine(identity = '', relaxed = true): Promise<Engine> {
  const path = process.env.NEARFIELD_MODEL
  if (!path) throw new Error('NEARFIELD_MODEL is not set: run ./dev test sdk')
  const file = await readFile(path)
  const runtime = await realRuntime(file.length + 2 ** 29, relaxed)
  const load = new EngineLoad(runtime, null, {
    backend: 'wasm',
    fileBytes: file.length,
    threads: 1,
  })
  await load.add(file)
  const address = await load.finish()
  load.close()
  return new Engine({ runtime, address, gpu: null, threads: [], kept: true, identity })
}
