/**
 * Brings a model's verified bytes to where they are wanted: from this browser's storage what is
 * there and right, from the network what is not. Owns the order of things and the progress.
 * Every chunk is hashed on every load, stored ones too: hashing runs beside the next read.
 * Does not own: HTTP (download.ts), files (store.ts), wasm memory (`into`).
 */
import { NearfieldError } from '../error.ts'
import { type ChunkPlace, chunkPlaces, runsOf } from '../model/chunks.ts'
import { hashHex } from '../model/hash.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Progress } from '../protocol.ts'
import { fetchRun } from './download.ts'
import { type ModelStore, openStore } from './store.ts'

export interface LoadOptions {
  manifest: Manifest
  fileUrl: string
  /**
   * Takes a chunk's bytes, which are valid during the call only. A stored chunk that turns out
   * wrong is given again, right; when loadModel resolves, every chunk given last was verified.
   */
  into(offset: number, bytes: Uint8Array): void
  onProgress(progress: Progress): void
  signal: AbortSignal
}

/** Resolves to whether every byte now lies in the browser's storage (the next load is local). */
export async function loadModel(
  options: LoadOptions,
): Promise<{ kept: boolean; fetchedBytes: number }> {
  const name = `nearfield:${options.manifest.sha256}`
  // One tab at a time: the others wait, then find the file complete.
  if (!globalThis.navigator?.locks) return loadLocked(options)
  try {
    return await navigator.locks.request(name, { signal: options.signal }, () =>
      loadLocked(options),
    )
  } catch (error) {
    // A sandboxed frame has neither locks nor storage: nobody to share with.
    if (error instanceof DOMException && error.name === 'SecurityError') return loadLocked(options)
    throw error
  }
}

async function loadLocked(options: LoadOptions): Promise<{ kept: boolean; fetchedBytes: number }> {
  const { manifest, onProgress, signal } = options
  const places = chunkPlaces(manifest)
  let store = await openStore(manifest)
  const stored = places.filter((place) => store?.has(place))
  const stage = stored.length === places.length ? 'load' : 'download'
  const report = progressOf(manifest.bytes, stage, onProgress)
  try {
    const wrong = store ? await readStored(store, stored, options, report) : []
    const missing = places.filter((place) => !stored.includes(place) || wrong.includes(place))
    for (const run of runsOf(missing)) store = await downloadRun(store, run, options, report)
    report.done()
    signal.throwIfAborted()
    return { kept: store !== null, fetchedBytes: missing.reduce((n, c) => n + c.length, 0) }
  } finally {
    store?.close()
  }
}

/** Hands on the stored chunks that are right; returns those that are not. */
async function readStored(
  store: ModelStore,
  stored: ChunkPlace[],
  { manifest, into, signal }: LoadOptions,
  report: Report,
): Promise<ChunkPlace[]> {
  const buffer = new Uint8Array(manifest.chunk_bytes)
  const wrong: ChunkPlace[] = []
  const checks: Promise<void>[] = []
  for (const chunk of stored) {
    const bytes = buffer.subarray(0, chunk.length)
    const n = store.read(chunk, bytes)
    // digest() copies its input before it returns, so the buffer is free for the next read.
    const check = n === chunk.length ? hashHex(bytes) : Promise.resolve('cut')
    into(chunk.offset, bytes)
    checks.push(
      check.then((hash) => {
        if (hash === chunk.sha256) report.add(chunk.length)
        else wrong.push(chunk)
      }),
    )
    if (checks.length > 2) await checks.at(-3) // a few in flight bound the memory
    signal.throwIfAborted()
  }
  await Promise.all(checks)
  for (const chunk of wrong) store.forget(chunk)
  return wrong
}

/** Fetches one run; returns the store, or null from when it was full. */
async function downloadRun(
  store: ModelStore | null,
  run: ChunkPlace[],
  { fileUrl, into, signal }: LoadOptions,
  report: Report,
): Promise<ModelStore | null> {
  for await (const { chunk, bytes } of fetchRun(fileUrl, run, { signal, onBytes: report.add })) {
    if ((await hashHex(bytes)) !== chunk.sha256) {
      throw new NearfieldError(
        'bad_input',
        `${fileUrl}: bytes ${chunk.offset} to ${chunk.offset + chunk.length} do not have the manifest's SHA-256`,
      )
    }
    into(chunk.offset, bytes)
    if (!store) continue
    try {
      store.write(chunk, bytes)
    } catch {
      await store.remove() // full: go on from memory and give the space back
      store = null
    }
  }
  return store
}

interface Report {
  add(n: number): void
  done(): void
}

/** 0 first, the total last, and in between one event a MiB or so. */
function progressOf(
  total: number,
  stage: Progress['stage'],
  onProgress: LoadOptions['onProgress'],
): Report {
  let loaded = 0
  let told = 0
  onProgress({ loaded: 0, total, stage })
  return {
    add(n) {
      loaded += n
      if (loaded - told < 1 << 20 || loaded >= total) return
      told = loaded
      onProgress({ loaded, total, stage })
    },
    done: () => onProgress({ loaded: total, total, stage }),
  }
}
