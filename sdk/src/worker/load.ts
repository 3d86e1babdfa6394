/**
 * Brings a model's verified bytes to where they are wanted, in the file's order: each chunk from
 * this browser's storage when it is there and right, from the network when not. Owns the order of
 * things and the progress. Every chunk is hashed on every load, stored ones too: hashing runs
 * beside the reading. Memory: three batches, whatever the file's length.
 * Does not own: HTTP (download.ts), files (store.ts), hashes (hasher.ts), what becomes of the bytes
 * (engine_load.ts).
 */
import { NearfieldError } from '../error.ts'
import { type ChunkPlace, chunkPlaces } from '../model/chunks.ts'
import { hashHex } from '../model/hash.ts'
import type { Manifest } from '../model/manifest.ts'
import type { HashTold, Progress } from '../protocol.ts'
import { fetchRun } from './download.ts'
import type { Hasher } from './hasher.ts'
import { type ModelStore, openStore } from './store.ts'

export interface LoadOptions {
  manifest: Manifest
  fileUrl: string
  hasher: Hasher
  /** Takes the file's next bytes, verified; they are valid until it resolves. */
  into(bytes: Uint8Array): Promise<void>
  onProgress(progress: Progress): void
  signal: AbortSignal
}

export interface Loaded {
  /** Does every byte now lie in the browser's storage (the next load is local)? */
  kept: boolean
  fetchedBytes: number
}

export async function loadModel(options: LoadOptions): Promise<Loaded> {
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

async function loadLocked(options: LoadOptions): Promise<Loaded> {
  const { manifest, hasher, into, onProgress, signal } = options
  const places = chunkPlaces(manifest)
  let store = await openStore(manifest)
  const local = places.every((place) => store?.has(place))
  const report = progressOf(manifest.bytes, local ? 'load' : 'download', onProgress)
  const ahead = new ReadAhead(places, manifest.chunk_bytes, hasher)
  let fetchedBytes = 0
  try {
    for (let i = 0; i < places.length; ) {
      signal.throwIfAborted()
      const place = places[i]!
      const bytes = store?.has(place) ? await ahead.read(store, i) : null
      if (bytes) {
        await into(bytes)
        report.add(place.length)
        i++
        continue
      }
      if (store?.has(place)) store.forget(place) // what was read is not what it should be
      const kept = store
      const end = places.findIndex((later, at) => at > i && kept?.has(later))
      const run = places.slice(i, end < 0 ? places.length : end)
      store = await downloadRun(store, run, options, report)
      for (const { length } of run) fetchedBytes += length
      i += run.length
    }
    report.done()
    signal.throwIfAborted()
    return { kept: store !== null, fetchedBytes }
  } finally {
    store?.close()
    await ahead.close()
  }
}

const BATCHES = 3
/** What is read and hashed at once, in whole chunks. */
const BATCH_BYTES = 4 << 20

/** Stored chunks, read and hashed ahead of the one that is asked for, many at a time. */
class ReadAhead {
  readonly #places: ChunkPlace[]
  readonly #chunkBytes: number
  /** Chunks in a batch. */
  readonly #n: number
  readonly #checks = new Map<number, Promise<HashTold>>()
  /** Those that are neither with the hasher nor with whoever has asked. */
  readonly #free: ArrayBuffer[] = []
  #lent = -1
  readonly #hasher: Hasher

  constructor(places: ChunkPlace[], chunkBytes: number, hasher: Hasher) {
    this.#places = places
    this.#chunkBytes = chunkBytes
    this.#n = Math.max(1, Math.floor(BATCH_BYTES / chunkBytes))
    this.#hasher = hasher
  }

  /** Chunk i's bytes until one of another batch is asked for; null: they are wrong. */
  async read(store: ModelStore, i: number): Promise<Uint8Array | null> {
    const batch = Math.floor(i / this.#n)
    if (batch !== this.#lent) await this.#giveBack()
    this.#lent = batch
    for (let next = batch; next < batch + BATCHES; next++) this.#begin(store, next)
    const { hashes, bytes } = await this.#checks.get(batch)!
    const { sha256, length } = this.#places[i]!
    const k = i % this.#n
    const at = k * this.#chunkBytes
    return hashes[k] === sha256 ? bytes.subarray(at, at + length) : null
  }

  /** Gives the memory back now: the collector sees no reason to, for long. */
  async close(): Promise<void> {
    await this.#giveBack().catch(() => {}) // told already
    for (const buffer of this.#free) buffer.transfer?.(0)
  }

  async #giveBack(): Promise<void> {
    const told = await this.#checks.get(this.#lent)
    this.#checks.delete(this.#lent)
    if (told) this.#free.push(told.bytes.buffer)
  }

  #begin(store: ModelStore, batch: number): void {
    const places = this.#places.slice(batch * this.#n, (batch + 1) * this.#n)
    if (this.#checks.has(batch) || !places.some((place) => store.has(place))) return
    const check = this.#check(store, places)
    check.catch(() => {}) // told to whoever reads it
    this.#checks.set(batch, check)
  }

  async #check(store: ModelStore, places: ChunkPlace[]): Promise<HashTold> {
    const from = places[0]!.offset
    const { offset, length } = places.at(-1)!
    const buffer = this.#free.pop() ?? new ArrayBuffer(this.#n * this.#chunkBytes)
    const bytes = new Uint8Array(buffer, 0, offset + length - from)
    store.read(from, bytes) // whatever is not there, its hash will not be right
    const told = await this.#hasher.hash(bytes, this.#chunkBytes)
    return told ?? this.#check(store, places) // the hasher has failed: it hashes here from now on
  }
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
    if (store) {
      try {
        store.write(chunk, bytes)
      } catch {
        await store.remove() // full: go on from memory and give the space back
        store = null
      }
    }
    await into(bytes)
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
