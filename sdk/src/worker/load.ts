/**
 * Brings a model's verified bytes to where they are wanted, in the file's order: each chunk from
 * this browser's storage when it is there and right, from the network when not. Owns the order of
 * things and the progress. One tab downloads; the others read each chunk as soon as it is kept, and
 * one of them goes on when the first has gone. Every chunk is hashed on every load, stored ones too:
 * hashing runs beside the reading. Memory: three batches, whatever the file's length.
 * Does not own: HTTP (download.ts), files (store.ts), whose turn it is (tabs.ts), room (model/room.ts),
 * hashes (hasher.ts), what becomes of the bytes (engine_load.ts).
 */
import { NearfieldError } from '../error.ts'
import { type ChunkPlace, chunkPlaces } from '../model/chunks.ts'
import { hashHex } from '../model/hash.ts'
import type { Manifest } from '../model/manifest.ts'
import { evictOldest, makeRoom } from '../model/room.ts'
import type { HashTold, Progress } from '../protocol.ts'
import { fetchRun } from './download.ts'
import type { Hasher } from './hasher.ts'
import { type ModelStore, openStore, sharesFiles } from './store.ts'
import { Tabs } from './tabs.ts'

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
  /** By this tab. */
  fetchedBytes: number
  /** Did every byte lie there from the beginning? */
  local: boolean
}

export async function loadModel(options: LoadOptions): Promise<Loaded> {
  const { manifest, hasher, into, onProgress, signal } = options
  signal.throwIfAborted()
  const places = chunkPlaces(manifest)
  const tabs = new Tabs(manifest.sha256, signal)
  const ahead = new ReadAhead(places, manifest.chunk_bytes, hasher)
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
    await ahead.close()
  }
}

const missing = (places: ChunkPlace[], store: ModelStore) =>
  places.reduce((bytes, place) => bytes + (store.has(place) ? 0 : place.length), 0)

/** Goes on from memory, gives the space back, and lets the others have their turn. */
async function withoutStore(store: ModelStore, tabs: Tabs): Promise<null> {
  await store.remove()
  tabs.close()
  return null
}

const RUNS = 3
/** What is read and hashed at once, in whole chunks. */
const RUN_BYTES = 4 << 20

/** Chunks [from, end), read and hashed together. */
interface Run {
  from: number
  end: number
  told: Promise<HashTold>
}

/** Stored chunks, read and hashed ahead of the one that is asked for, many at a time. */
class ReadAhead {
  readonly #places: ChunkPlace[]
  readonly #chunkBytes: number
  /** Chunks in a run, at most. */
  readonly #n: number
  /** In the file's order; the first one's bytes may be lent. */
  readonly #runs: Run[] = []
  /** Those that are neither with the hasher nor with whoever has asked. */
  readonly #free: ArrayBuffer[] = []
  readonly #hasher: Hasher

  constructor(places: ChunkPlace[], chunkBytes: number, hasher: Hasher) {
    this.#places = places
    this.#chunkBytes = chunkBytes
    this.#n = Math.max(1, Math.floor(RUN_BYTES / chunkBytes))
    this.#hasher = hasher
  }

  /** Chunk i's bytes until the next call; null: they are wrong, and are read anew when asked for. */
  async read(store: ModelStore, i: number): Promise<Uint8Array | null> {
    while (this.#runs[0] && this.#runs[0].end <= i) await this.#giveBack()
    const next = this.#runs[0]?.from ?? this.#places.length
    if (next > i) this.#runs.unshift(this.#begin(store, i, next))
    while (this.#runs.length < RUNS) {
      const { end } = this.#runs.at(-1)!
      if (end === this.#places.length || !store.has(this.#places[end]!)) break
      this.#runs.push(this.#begin(store, end))
    }
    const { from, told } = this.#runs[0]!
    const { hashes, bytes } = await told
    const { sha256, length } = this.#places[i]!
    const at = (i - from) * this.#chunkBytes
    if (hashes[i - from] === sha256) return bytes.subarray(at, at + length)
    await this.#giveBack()
    return null
  }

  /** Gives the memory back now: the collector sees no reason to, for long. */
  async close(): Promise<void> {
    while (this.#runs.length > 0) await this.#giveBack().catch(() => {}) // told already
    for (const buffer of this.#free) buffer.transfer?.(0)
  }

  async #giveBack(): Promise<void> {
    const { bytes } = await this.#runs.shift()!.told
    this.#free.push(bytes.buffer)
  }

  /** Chunk i and those after it that are kept, before `next`. */
  #begin(store: ModelStore, i: number, next = this.#places.length): Run {
    const limit = Math.min(i + this.#n, next)
    let end = i + 1
    while (end < limit && store.has(this.#places[end]!)) end++
    const told = this.#check(store, this.#places.slice(i, end))
    told.catch(() => {}) // told to whoever reads it
    return { from: i, end, told }
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

/** Older models make way as long as there is one; false: no room, or it cannot be written. */
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
    } catch (error) {
      const full = error instanceof DOMException && error.name === 'QuotaExceededError'
      if (!full || !(await evictOldest(sha256))) return false
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
