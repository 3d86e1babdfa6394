/**
 * Brings a model's verified bytes to where they are wanted, in the file's order: each chunk from
 * this browser's storage when it is there and right, from the network when not. Owns the order of
 * things and the progress. One tab downloads; the others read each chunk as soon as it is kept, and
 * one of them goes on when the first has gone. Every chunk is hashed on every load, stored ones too:
 * hashing runs beside the reading. Memory: four chunks, whatever the file's length.
 * Does not own: HTTP (download.ts), files (store.ts), whose turn it is (tabs.ts), room (model/room.ts),
 * hashes (hasher.ts), what becomes of the bytes (engine_load.ts).
 */
import { NearfieldError } from '../error.ts'
import { type ChunkPlace, chunkPlaces } from '../model/chunks.ts'
import { hashHex } from '../model/hash.ts'
import type { Manifest } from '../model/manifest.ts'
import { evictOldest, makeRoom } from '../model/room.ts'
import type { Progress } from '../protocol.ts'
import { fetchRun } from './download.ts'
import { Hasher } from './hasher.ts'
import { type ModelStore, openStore, sharesFiles } from './store.ts'
import { Tabs } from './tabs.ts'

export interface LoadOptions {
  manifest: Manifest
  fileUrl: string
  /** Takes the file's next bytes, verified; they are valid until it resolves. */
  into(bytes: Uint8Array): Promise<void>
  onProgress(progress: Progress): void
  signal: AbortSignal
}

export interface Loaded {
  /** Does every byte now lie in the browser's storage (the next load is local)? */
  kept: boolean
  /** By this tab. */
  fetchedBytes: number
  /** Did every byte lie there from the beginning? */
  local: boolean
}

export async function loadModel(options: LoadOptions): Promise<Loaded> {
  const { manifest, into, onProgress, signal } = options
  signal.throwIfAborted()
  const places = chunkPlaces(manifest)
  const tabs = new Tabs(manifest.sha256, signal)
  const ahead = new ReadAhead(places, manifest.chunk_bytes)
  let store: ModelStore | null = null
  let downloads = false
  let fetchedBytes = 0
  try {
    if (sharesFiles()) store = await openStore(manifest, options.fileUrl)
    if (!store) {
      await tabs.turn() // of a file that only one may hold
      store = await openStore(manifest, options.fileUrl)
      if (!store) {
        tabs.close() // nothing can be kept, so there is nothing to share
        downloads = true
      }
    }
    const local = places.every((place) => store?.has(place))
    const report = progressOf(manifest.bytes, local ? 'load' : 'download', onProgress)
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
      if (!downloads) {
        await tabs.turnOrNews()
        store?.refresh() // and look again: it may have been kept meanwhile
        downloads = tabs.leads
        continue
      }
      if (store?.has(place)) store.forget(place) // what was read is not what it should be
      if (store && !(await makeRoom(missing(places, store), manifest.sha256))) {
        store = await withoutStore(store, tabs)
      }
      const kept = store
      const end = places.findIndex((later, at) => at > i && kept?.has(later))
      const run = places.slice(i, end < 0 ? places.length : end)
      store = await downloadRun(store, tabs, run, options, report)
      for (const { length } of run) fetchedBytes += length
      i += run.length
    }
    report.done()
    signal.throwIfAborted()
    return { kept: store !== null, fetchedBytes, local }
  } finally {
    store?.close()
    tabs.close()
    ahead.close()
  }
}

const missing = (places: ChunkPlace[], store: ModelStore) =>
  places.reduce((bytes, place) => bytes + (store.has(place) ? 0 : place.length), 0)

/** No room: goes on from memory, gives the space back, and lets the others have their turn. */
async function withoutStore(store: ModelStore, tabs: Tabs): Promise<null> {
  await store.remove()
  tabs.close()
  return null
}

const BUFFERS = 3

/** Stored chunks, read and hashed ahead of the one that is asked for. */
class ReadAhead {
  readonly #places: ChunkPlace[]
  readonly #chunkBytes: number
  readonly #checks = new Map<number, Promise<Uint8Array<ArrayBuffer> | null>>()
  /** Those that are neither with the hasher nor with whoever has asked. */
  readonly #free: ArrayBuffer[] = []
  #lent: ArrayBuffer | null = null
  #hasher: Hasher | null = null

  constructor(places: ChunkPlace[], chunkBytes: number) {
    this.#places = places
    this.#chunkBytes = chunkBytes
  }

  /** Chunk i's bytes until the next call; null: they are wrong. */
  async read(store: ModelStore, i: number): Promise<Uint8Array | null> {
    this.#hasher ??= new Hasher()
    if (this.#lent) this.#free.push(this.#lent)
    this.#lent = null
    for (let next = i; next < i + BUFFERS; next++) this.#begin(store, next)
    const bytes = await this.#checks.get(i)!
    this.#checks.delete(i)
    this.#lent = bytes?.buffer ?? null
    return bytes
  }

  close(): void {
    this.#hasher?.close()
  }

  #begin(store: ModelStore, i: number): void {
    const place = this.#places[i]
    if (!place || this.#checks.has(i) || !store.has(place)) return
    const check = this.#check(store, place)
    check.catch(() => {}) // told to whoever reads it
    this.#checks.set(i, check)
  }

  async #check(store: ModelStore, place: ChunkPlace): Promise<Uint8Array<ArrayBuffer> | null> {
    const buffer = this.#free.pop() ?? new ArrayBuffer(this.#chunkBytes)
    const bytes = new Uint8Array(buffer, 0, place.length)
    if (store.read(place, bytes) !== place.length) return null
    const told = await this.#hasher!.hash(bytes)
    if (!told) return this.#check(store, place) // the hasher has failed: it hashes here from now on
    return told.hash === place.sha256 ? told.bytes : null
  }
}

/** Fetches one run; returns the store, or null from when it was full. */
async function downloadRun(
  store: ModelStore | null,
  tabs: Tabs,
  run: ChunkPlace[],
  { manifest, fileUrl, into, signal }: LoadOptions,
  report: Report,
): Promise<ModelStore | null> {
  for await (const { chunk, bytes } of fetchRun(fileUrl, run, { signal, onBytes: report.add })) {
    if ((await hashHex(bytes)) !== chunk.sha256) {
      throw new NearfieldError(
        'bad_input',
        `${fileUrl}: bytes ${chunk.offset} to ${chunk.offset + chunk.length} do not have the manifest's SHA-256`,
      )
    }
    if (store && (await write(store, chunk, bytes, manifest))) tabs.tell()
    else if (store) store = await withoutStore(store, tabs)
    await into(bytes)
  }
  return store
}

/** Older models make way as long as there is one; false: there is no room. */
async function write(
  store: ModelStore,
  chunk: ChunkPlace,
  bytes: Uint8Array,
  { sha256 }: Manifest,
): Promise<boolean> {
  for (;;) {
    try {
      store.write(chunk, bytes)
      return true
    } catch {
      if (!(await evictOldest(sha256))) return false
    }
  }
}

interface Report {
  add(n: number): void
  done(): void
}

/** 0 first, the total last, and in between one event a MiB or so, of a small file a hundred. */
function progressOf(
  total: number,
  stage: Progress['stage'],
  onProgress: LoadOptions['onProgress'],
): Report {
  let loaded = 0
  let told = 0
  const step = Math.min(1 << 20, total / 100)
  onProgress({ loaded: 0, total, stage })
  return {
    add(n) {
      loaded += n
      if (loaded - told < step || loaded >= total) return
      told = loaded
      onProgress({ loaded, total, stage })
    },
    done: () => onProgress({ loaded: total, total, stage }),
  }
}
