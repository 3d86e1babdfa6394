/**
 * What the edits of a task begin with (nf_prefix_* of include/nearfield.h), kept in this browser so
 * that the first edit after a reload computes its own part only. Owns which prefixes were looked
 * for and which are still to be kept; what lies where is model/kept.ts's, and whether a file is
 * the right one is C's to say. Nothing here fails an edit: what cannot be had is computed.
 */
import { keepBytes, keptBytes } from '../model/kept.ts'
import type { EditArgs } from '../protocol.ts'
import { placeEdit } from './edit_desc.ts'
import type { Runtime } from './runtime.ts'

/** A prefix is some MB: of the tasks offered, of a few models and adapters. */
const LIMITS = { files: 12, bytes: 2 ** 26 }

/** Whose prefix: of an edit request, and as C knows both. */
export interface PrefixOf {
  request: Pick<EditArgs, 'task' | 'evenIfPoor'>
  task: number
  adapter: number
}

export class Prefixes {
  readonly #runtime: Runtime
  readonly #session: number
  readonly #model: Uint8Array
  /** Keys of those looked for in storage here. */
  readonly #asked = new Set<string>()
  #missing: PrefixOf[] = []

  /** model: tells the model's file and the module from every other. */
  constructor(runtime: Runtime, session: number, model: string) {
    this.#runtime = runtime
    this.#session = session
    this.#model = runtime.encode(model)
  }

  /** Is there one that was computed here and is not kept yet? */
  get unkept(): boolean {
    return this.#missing.length > 0
  }

  /** Before an edit: what was kept, into the session; null: nothing is to be waited for. */
  bring(of: PrefixOf): Promise<void> | null {
    const known = this.#info(of)
    if (!known || known.ready || this.#asked.has(known.key)) return null
    this.#asked.add(known.key)
    return this.#load(of, known.key)
  }

  /** Copies of those computed since the last call; keep() stores them. */
  take(): { key: string; file: Uint8Array<ArrayBuffer> }[] {
    const missing = this.#missing
    this.#missing = []
    return missing.flatMap((of) => {
      const known = this.#info(of)
      if (known?.ready) return this.#save(of, known)
      if (known) this.#asked.delete(known.key) // the edit ended before, or others pushed it out
      return []
    })
  }

  async #load(of: PrefixOf, key: string): Promise<void> {
    const { nf_wasm_prefix_load: load } = this.#runtime.exports
    const file = await keptBytes('prefixes', key)
    try {
      const status =
        file && this.#with(of, (...of) => this.#runtime.lend(file, (...at) => load(...of, ...at)))
      if (status === 0) return
    } catch {
      // no memory for it: the edit may well have enough
    }
    this.#missing.push(of) // none there, damaged, no room: kept when it was computed
  }

  #save(of: PrefixOf, { key, bytes }: { key: string; bytes: number }) {
    const runtime = this.#runtime
    const { nf_wasm_prefix_save: save } = runtime.exports
    return runtime.using(bytes, (at) => {
      const status = this.#with(of, (...asked) => save(...asked, at, bytes))
      return status === 0 ? [{ key, file: runtime.copy(at, bytes) }] : []
    })
  }

  /** null: there is nothing to keep, or the edit will say what is wrong with it. */
  #info(of: PrefixOf): { key: string; bytes: number; ready: boolean } | null {
    const runtime = this.#runtime
    return runtime.using(24, (row) => {
      const { nf_wasm_prefix_info: info } = runtime.exports
      if (this.#with(of, (...asked) => info(...asked, row)) !== 0) return null
      const [key, bytes, ready] = runtime.row(row, 3)
      return bytes > 0 ? { key: runtime.cString(key), bytes, ready: ready === 1 } : null
    })
  }

  /** use(session, desc, model, its length) */
  #with<T>(of: PrefixOf, use: (...asked: [number, number, number, number]) => T): T {
    const { task, adapter, request } = of
    return this.#runtime.lend(this.#model, (model, length) =>
      placeEdit(this.#runtime, { task, adapter }, { ...request, text: '' }, (desc) =>
        use(this.#session, desc, model, length),
      ),
    )
  }
}

export async function keepPrefixes(files: ReturnType<Prefixes['take']>): Promise<void> {
  for (const { key, file } of files) await keepBytes('prefixes', key, file, LIMITS)
}
