/**
 * The adapters that a model's manifest lists, chosen for the edits that name none. Owns the choice,
 * and why there is none where there should be one: the model alone answers then, with its own gate,
 * and the receipt says why. Does not fetch or open (`get`, given by open.ts).
 */
import type { ListedAdapter } from '../model/manifest.ts'
import type { EditArgs } from '../protocol.ts'
import type { Adapter, EditResult } from '../types.ts'
import { unlessAborted } from '../unless_aborted.ts'
import { clockMs } from './runtime.ts'

/** One that could not be had is asked for again by an edit after so long. */
const AGAIN_MS = 60_000

interface Own {
  /** Never rejects; a text says why there is none. */
  coming: Promise<Adapter | string>
  failedAt: number | null
}
type Get = (listed: ListedAdapter) => Promise<Adapter>
type Run = (args: EditArgs) => Promise<EditResult>

export class OwnAdapters {
  readonly #listed: readonly ListedAdapter[]
  readonly #get: Get
  readonly #own = new Map<string, Own>()

  constructor(listed: readonly ListedAdapter[], get: Get) {
    this.#listed = listed
    this.#get = get
  }

  /** All of them, before somebody waits for one. */
  start(): void {
    for (const { task } of this.#listed) void this.#of(task)
  }

  /** The edit with the model's own adapter for its task, unless it says which or none. */
  async edit(args: EditArgs, signal: AbortSignal, run: Run): Promise<EditResult> {
    const coming = args.adapter === undefined ? this.#of(args.task) : null
    if (!coming) return run(args)
    const adapter = await unlessAborted(coming, signal)
    if (typeof adapter !== 'string') return run({ ...args, adapter })
    const result = await run(args)
    return { ...result, receipt: { ...result.receipt, adapterProblem: adapter } }
  }

  /** null: the manifest lists none. */
  #of(task: string): Promise<Adapter | string> | null {
    const known = this.#own.get(task)
    const again = known?.failedAt != null && clockMs() - known.failedAt >= AGAIN_MS
    if (known && !again) return known.coming
    const listed = this.#listed.find((one) => one.task === task)
    if (!listed) return null
    const own: Own = {
      failedAt: null,
      coming: this.#get(listed).catch((error: unknown) => {
        own.failedAt = clockMs()
        return error instanceof Error ? error.message : String(error)
      }),
    }
    this.#own.set(task, own)
    return own.coming
  }
}
