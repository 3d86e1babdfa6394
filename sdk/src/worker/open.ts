/**
 * From a model's URL to an engine: manifest, memory, threads, bytes, repacking, in this order.
 * Owns the sizes and counts asked for. Read next: load.ts, runtime.ts, threads.ts, engine.ts.
 */
import { NearfieldError } from '../error.ts'
import { loadManifest, manifestUrl } from '../model/manifest.ts'
import type { Calls } from '../protocol.ts'
import type { Status } from '../types.ts'
import { compileModule } from './compile.ts'
import { Engine } from './engine.ts'
import { loadModel } from './load.ts'
import { startRuntime } from './runtime.ts'
import type { CallContext } from './serve.ts'
import { startThreads } from './threads.ts'

const THREADS_MAX = 8
/** Beside the file: KV cache, scratch, stacks. Reserved as address space, taken as needed. */
const BESIDE_FILE_BYTES = 512 * 2 ** 20
const FILE_BYTES_MAX = 2 ** 31 - 1

const threadsOf = (n: number) => Math.max(1, Math.min(Math.floor(n) || 1, THREADS_MAX))

export async function openEngine(
  wasm: string,
  { model, threads }: Calls['open']['args'],
  { signal, progress }: CallContext,
): Promise<{ engine: Engine; status: Status }> {
  const isolated = globalThis.crossOriginIsolated === true
  const wanted = isolated ? threadsOf(threads ?? navigator.hardwareConcurrency) : 1
  const [manifest, compiled] = await Promise.all([
    loadManifest(model, signal),
    compileModule(wasm, wanted > 1),
  ])
  if (manifest.bytes > FILE_BYTES_MAX) {
    throw new NearfieldError(
      'no_memory',
      `${manifest.name} has ${manifest.bytes} bytes; in a browser a model may have ${FILE_BYTES_MAX}`,
    )
  }
  const runtime = await startRuntime(compiled, manifest.bytes + BESIDE_FILE_BYTES)
  const file = runtime.get(manifest.bytes)
  const joining = wanted > 1 ? startThreads(runtime, wanted - 1) : Promise.resolve(0)
  const { kept, fetchedBytes } = await loadModel({
    manifest,
    fileUrl: new URL(manifest.file, manifestUrl(model)).href,
    into: (offset, bytes) => runtime.bytes(file + offset, bytes.length).set(bytes),
    onProgress: progress,
    signal,
  })
  const nThreads = 1 + (await joining)
  const total = manifest.bytes
  if (fetchedBytes > 0) progress({ loaded: 0, total, stage: 'load' })
  const engine = new Engine(runtime, file, manifest, nThreads)
  if (fetchedBytes > 0) progress({ loaded: total, total, stage: 'load' })
  return {
    engine,
    status: {
      state: 'ready',
      backend: 'wasm',
      kernels: engine.facts.kernels,
      threads: engine.facts.threads,
      isolated,
      model: { id: manifest.name, sha256: manifest.sha256, bytes: total },
      cached: kept,
    },
  }
}
