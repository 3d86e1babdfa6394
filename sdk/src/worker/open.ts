/**
 * From a model's URL to a host: manifest, module, and how an engine is opened on either backend
 * (memory, threads or device, bytes, engine). Owns the sizes and counts asked for.
 * Read next: host.ts (when), load.ts, engine_load.ts, runtime.ts, threads.ts, engine.ts.
 */
import { NearfieldError } from '../error.ts'
import { type FoundGpu, findGpu, openGpu } from '../gpu/device.ts'
import type { Gpu } from '../gpu/gpu.ts'
import { choiceKey, keepChoice, keptChoice } from '../model/choice.ts'
import { keepManifest, loadManifest, type Manifest, manifestUrl } from '../model/manifest.ts'
import { holdModel } from '../model/room.ts'
import type { Calls } from '../protocol.ts'
import type { Backend, Status } from '../types.ts'
import { listedAdapter } from './adapters.ts'
import type { Chosen } from './backend.ts'
import { type Compiled, compileModule } from './compile.ts'
import { Engine } from './engine.ts'
import { EngineLoad } from './engine_load.ts'
import { Hasher } from './hasher.ts'
import { Host, type OpenContext, type Ways } from './host.ts'
import { loadModel } from './load.ts'
import { checkMemory } from './memory.ts'
import { OwnAdapters } from './own_adapters.ts'
import { isPersisted, lookWhetherPersisted } from './persisted.ts'
import { probeOf } from './probe.ts'
import { type Runtime, startRuntime } from './runtime.ts'
import { startThreads, type Threads } from './threads.ts'

const THREADS_MAX = 8
/** For the 3 MB of an adapter; then edits go without it. */
const ADAPTER_MS = 30_000
/** Beside the file: KV cache, scratch, stacks. Reserved as address space, taken as needed. */
const BESIDE_BYTES_MAX = 512 * 2 ** 20

const threadsOf = (n: number) => Math.max(1, Math.min(Math.floor(n) || 1, THREADS_MAX))

export interface Opened {
  host: Host
  /** With the model's own adapter for the task, where it has one. */
  edit: Host['edit']
  status(): Status
}

/**
 * onStatus: called when status() has changed after this resolved. onKept: the model was downloaded
 * and lies in the browser's storage.
 */
export async function openHost(
  wasm: string,
  { model, threads, backend }: Calls['open']['args'],
  context: OpenContext,
  onStatus: (status: Status) => void,
  onKept: () => void,
): Promise<Opened> {
  const isolated = globalThis.crossOriginIsolated === true
  const nThreads = isolated ? threadsOf(threads ?? navigator.hardwareConcurrency) : 1
  const modules = new Map<boolean, Promise<Compiled>>()
  const moduleOf = (shared: boolean) => {
    const known = modules.get(shared)
    if (known) return known
    const compiling = compileModule(wasm, shared)
    modules.set(shared, compiling)
    compiling.catch(() => modules.delete(shared)) // a next one tries again
    return compiling
  }
  void moduleOf(nThreads > 1).catch(() => {}) // beside the manifest; told to whoever opens
  let early: Hasher | null = new Hasher() // its worker starts meanwhile, too
  const takeHasher = () => {
    const hasher = early ?? new Hasher()
    early = null
    return hasher
  }
  const manifest = await loadManifest(model, context.signal)
  const { name: id, sha256, bytes } = manifest
  holdModel(sha256)
  const keyOf = async (gpu: string) => {
    const { sha256: engine } = await moduleOf(nThreads > 1)
    return choiceKey({ gpu, userAgent: navigator.userAgent, threads: nThreads, engine })
  }
  let opened = false
  let found: FoundGpu | null = null
  const status = (): Status => ({
    ...host.where(),
    isolated,
    persisted: isPersisted(),
    probe: probeOf(found),
    model: { id, sha256, bytes },
  })
  const ways: Ways = {
    model: { id, sha256 },
    async offer() {
      try {
        found = await findGpu(navigator.gpu)
        return found
      } catch (error) {
        if (error instanceof NearfieldError) return error
        return new NearfieldError('unsupported', `the GPU could not be asked: ${error}`)
      }
    },
    open: (backend, { signal, progress }) =>
      openEngine(backend, {
        manifest,
        fileUrl: new URL(manifest.file, manifestUrl(model)).href,
        nThreads: backend === 'wasm' ? nThreads : 1, // the GPU's host has little to do
        moduleOf,
        hasher: takeHasher(),
        context: { signal, progress },
        async onKept(fetchedBytes) {
          await keepManifest(model, manifest)
          if (fetchedBytes > 0) onKept()
        },
      }),
    keptChoice: async (gpu) => keptChoice<Chosen>(sha256, await keyOf(gpu)),
    keepChoice: async (gpu, chosen) => keepChoice(sha256, await keyOf(gpu), chosen),
    changed: () => {
      if (opened) onStatus(status())
    },
  }
  const host = new Host(ways)
  const looking = lookWhetherPersisted()
  await host.open(backend, context)
  await looking
  opened = true
  const own = new OwnAdapters(manifest.adapters ?? [], async (listed) => {
    const url = new URL(listed.file, manifestUrl(model)).href
    const file = await listedAdapter(url, listed, AbortSignal.timeout(ADAPTER_MS))
    const adapter = await host.adapter(file, new AbortController().signal)
    if (!adapter.task || adapter.task === listed.task) return adapter
    const line = `${url}: for the task ${adapter.task}; the manifest says ${listed.task}`
    throw new NearfieldError('bad_input', line)
  })
  own.start()
  const edit: Host['edit'] = (request, signal, sentAt) =>
    own.edit(request, signal, (args) => host.edit(args, signal, sentAt))
  return { host, edit, status }
}

interface EngineWish {
  manifest: Manifest
  fileUrl: string
  nThreads: number
  /** shared: of memory that threads join. */
  moduleOf(shared: boolean): Promise<Compiled>
  /** Is closed when the engine is open, or not to be had. */
  hasher: Hasher
  context: OpenContext
  /** The engine is open, and the model lies in the browser's storage. */
  onKept(fetchedBytes: number): Promise<void>
}

/** Everything of an engine but the file's bytes. */
interface Empty {
  compiled: Compiled
  gpu: Gpu | null
  runtime: Runtime
  threads: Threads
  load: EngineLoad
  /** Keeps the kernels that the engine has chosen, for the next time. */
  keepKernels(chosen: string): void
  close(): void
}

/** The file is read and hashed while module, memory and threads are made. */
async function openEngine(backend: Backend, wish: EngineWish): Promise<Engine> {
  const { manifest, fileUrl, hasher, context, onKept } = wish
  const { bytes: fileBytes } = manifest
  try {
    checkMemory(manifest, backend === 'wasm')
  } catch (error) {
    hasher.close()
    throw error
  }
  const { signal, progress } = context
  const opening = openEmpty(backend, wish)
  const failed = new AbortController()
  opening.catch((error) => failed.abort(error)) // it ends the download, too
  try {
    const { kept, local, fetchedBytes } = await loadModel({
      manifest,
      fileUrl,
      hasher,
      into: async (bytes) => (await opening).load.add(bytes),
      onProgress: progress,
      signal: AbortSignal.any([signal, failed.signal]),
    })
    const { compiled, gpu, runtime, threads, load, keepKernels } = await opening
    if (!local) progress({ loaded: 0, total: fileBytes, stage: 'load' })
    await threads.ready // the engine takes those that have parked
    const address = await load.finish()
    if (!local) progress({ loaded: fileBytes, total: fileBytes, stage: 'load' })
    const identity = compiled.sha256 && `${manifest.sha256} ${compiled.sha256}`
    const engine = new Engine({ runtime, address, gpu, threads: threads.workers, kept, identity })
    load.close()
    keepKernels(engine.facts.kernels)
    if (kept) await onKept(fetchedBytes)
    return engine
  } catch (error) {
    await opening.then(
      (empty) => empty.close(),
      () => {},
    )
    throw error
  } finally {
    hasher.close()
  }
}

async function openEmpty(
  backend: Backend,
  { manifest, nThreads, moduleOf }: EngineWish,
): Promise<Empty> {
  const { bytes: fileBytes } = manifest
  const compiled = await moduleOf(nThreads > 1)
  const { gpu, adapter } =
    backend === 'webgpu' ? await openGpu(navigator.gpu) : { gpu: null, adapter: '' }
  const keptAs = `${manifest.sha256}.kernels`
  const key = JSON.stringify([adapter, navigator.userAgent, compiled.sha256])
  const kernels = gpu && (await keptChoice<string>(keptAs, key))
  let threads: Threads = { workers: [], ready: Promise.resolve() }
  const close = () => {
    for (const worker of threads.workers) worker.terminate()
    gpu?.close()
  }
  try {
    const inMemory = gpu ? 0 : fileBytes
    const runtime = await runtimeOf(compiled, inMemory + BESIDE_BYTES_MAX, gpu, moduleOf)
    const used = runtime.shared ? nThreads : 1
    threads = startThreads(runtime, used - 1)
    const load = new EngineLoad(runtime, gpu, { backend, kernels, fileBytes, threads: used })
    const keepKernels = (chosen: string) => {
      if (gpu && chosen !== kernels) void keepChoice(keptAs, key, chosen)
    }
    const closeAll = () => {
      load.close()
      close()
    }
    return { compiled, gpu, runtime, threads, load, keepKernels, close: closeAll }
  } catch (error) {
    close()
    throw error
  }
}

/** Memory that threads share is reserved whole; where that is refused, one thread's may grow. */
async function runtimeOf(
  compiled: Compiled,
  bytesMax: number,
  gpu: Gpu | null,
  moduleOf: EngineWish['moduleOf'],
): Promise<Runtime> {
  try {
    return await startRuntime(compiled, bytesMax, gpu)
  } catch (error) {
    const refused = error instanceof NearfieldError && error.code === 'no_memory'
    if (!refused || !compiled.shared) throw error
    return startRuntime(await moduleOf(false), bytesMax)
  }
}
