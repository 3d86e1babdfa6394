/**
 * Projects in IndexedDB: the file as opened (written once) and the cues as they are now
 * (written on every autosave, with a rising version). Owns the database; knows no React and
 * no timing (autosave.ts).
 */

import type { DBSchema, IDBPDatabase } from 'idb'
import { openDB } from 'idb'
import type { CaptionCue, CaptionFile, CaptionFormat, PackedCues } from 'nearfield'
import { packCues, unpackCues } from 'nearfield'

/** A video that was sent to the server, which keeps it for some days. */
export interface RemoteVideo {
  readonly upload: string
  readonly name: string
  readonly bytes: number
}

/**
 * A video whose sending has begun. A page cannot open a file again by itself: the person chooses
 * it, and name, size and time tell that it is the same.
 */
export interface PartSent {
  readonly upload: string
  readonly kind: 'transcribe' | 'render'
  readonly name: string
  readonly bytes: number
  /** The file's lastModified. */
  readonly modifiedMs: number
}

/** A job of the server that is not over, or whose result was not taken yet. */
export interface KeptJob {
  readonly id: string
  readonly kind: 'transcribe' | 'render'
  /** Of the video. */
  readonly name: string
  /** So many segments of a transcription are in the cues. */
  readonly applied: number
}

export interface ProjectHead {
  readonly id: string
  readonly name: string
  readonly format: CaptionFormat
  readonly cueCount: number
  readonly savedAt: number
  readonly version: number
  readonly video?: RemoteVideo | null
  readonly part?: PartSent | null
  readonly job?: KeptJob | null
}

export interface ProjectFile {
  readonly id: string
  /** Null: a document that never was a file. */
  readonly original: Uint8Array | null
  readonly warnings: CaptionFile['warnings']
}

export interface ProjectCues {
  readonly id: string
  readonly cues: readonly CaptionCue[]
}

interface Schema extends DBSchema {
  heads: { key: string; value: ProjectHead; indexes: { savedAt: number } }
  files: { key: string; value: ProjectFile }
  /** Flat: thousands of small objects would block the page on every autosave. */
  cues: { key: string; value: { readonly id: string; readonly packed: PackedCues } }
}

/** What the editor asks of a store; tests hold one in memory. */
export type Projects = Pick<ProjectStore, 'create' | 'save' | 'load' | 'list'>

const KEPT = 20

const packed = ({ id, cues }: ProjectCues) => ({ id, packed: packCues(cues) })

export class ProjectStore {
  readonly #db: Promise<IDBPDatabase<Schema>>

  constructor(name = 'nearfield') {
    this.#db = openDB<Schema>(name, 2, {
      upgrade(db) {
        // Version 1 was never released: its projects go.
        for (const old of db.objectStoreNames) db.deleteObjectStore(old)
        db.createObjectStore('heads', { keyPath: 'id' }).createIndex('savedAt', 'savedAt')
        db.createObjectStore('files', { keyPath: 'id' })
        db.createObjectStore('cues', { keyPath: 'id' })
      },
      // A newer version of the editor in another tab must not wait for this one.
      blocking: (_from, _to, event) => (event.target as IDBDatabase).close(),
    })
    this.#db.catch(() => undefined)
  }

  /** A new project, whole, in one transaction; the oldest beyond KEPT go. */
  async create(head: ProjectHead, file: ProjectFile, cues: ProjectCues): Promise<void> {
    const db = await this.#db
    const tx = db.transaction(['heads', 'files', 'cues'], 'readwrite')
    await Promise.all([
      tx.objectStore('heads').put(head),
      tx.objectStore('files').put(file),
      tx.objectStore('cues').put(packed(cues)),
      tx.done,
    ])
    const ids = await db.getAllKeysFromIndex('heads', 'savedAt')
    for (const id of ids.slice(0, Math.max(0, ids.length - KEPT))) await this.remove(id)
  }

  /** The state of an existing project; the file as opened is not written again. */
  async save(head: ProjectHead, cues: ProjectCues): Promise<void> {
    const tx = (await this.#db).transaction(['heads', 'cues'], 'readwrite')
    await Promise.all([
      tx.objectStore('heads').put(head),
      tx.objectStore('cues').put(packed(cues)),
      tx.done,
    ])
  }

  async load(id: string): Promise<(ProjectHead & ProjectFile & ProjectCues) | null> {
    const tx = (await this.#db).transaction(['heads', 'files', 'cues'])
    const [head, file, cues] = await Promise.all([
      tx.objectStore('heads').get(id),
      tx.objectStore('files').get(id),
      tx.objectStore('cues').get(id),
    ])
    return head && file && cues ? { ...head, ...file, cues: unpackCues(cues.packed) } : null
  }

  /** Newest first. */
  async list(): Promise<readonly ProjectHead[]> {
    return (await (await this.#db).getAllFromIndex('heads', 'savedAt')).reverse()
  }

  async remove(id: string): Promise<void> {
    const tx = (await this.#db).transaction(['heads', 'files', 'cues'], 'readwrite')
    await Promise.all([
      tx.objectStore('heads').delete(id),
      tx.objectStore('files').delete(id),
      tx.objectStore('cues').delete(id),
      tx.done,
    ])
  }
}
