/** What a page's report says of where it runs. In node it is node/machine.ts. */
import { canRun } from '../features.ts'
import { browserFacts, threads } from './browser.ts'
import { gpuFacts } from './gpu.ts'
import { section, yesNo } from './lines.ts'
import { storageFacts } from './storage.ts'
import { wasmFacts } from './wasm.ts'

/** Never rejects; takes a few seconds at most. */
export async function machineSections(): Promise<string[]> {
  const [browser, gpu, storage] = await Promise.all([browserFacts(), gpuFacts(), storageFacts()])
  return [
    section('Browser', browser),
    section('WebAssembly', [
      ...wasmFacts(threads),
      ['everything the engine needs', yesNo(canRun())],
    ]),
    section('WebGPU', gpu),
    section('Storage', storage),
  ]
}
