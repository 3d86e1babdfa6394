/**
 * A model with a server beside it: each edit goes where the router says. Owns how a page's options
 * and circumstances become the router's facts. A bundle of its own, which only a page with a server
 * loads. Read next: router/edits.ts, router/background_engine.ts, server/client.ts.
 */
import { abortError } from './abort_error.ts'
import { NearfieldError } from './error.ts'
import type { EditArgs } from './protocol.ts'
import { Route } from './route.ts'
import { BackgroundEngine, type StartEngine } from './router/background_engine.ts'
import { RoutedEdits } from './router/edits.ts'
import { watchUser } from './router/user.ts'
import { ServerEdits } from './server/client.ts'
import type {
  EditRequest,
  EditResult,
  LedgerSums,
  OpenOptions,
  RouteMode,
  ServerPlace,
  Status,
} from './types.ts'

/** What an edit wants of its place. */
type Wishes = { [Key in 'mode' | 'deadlineMs' | 'signal']: EditRequest[Key] | undefined }

export class Routed {
  readonly #engine: BackgroundEngine
  readonly #edits: RoutedEdits
  readonly #place: ServerPlace
  readonly #usualMode: RouteMode
  /** Ends every edit, wherever it is. */
  readonly #end = new AbortController()

  /** Throws a NearfieldError 'bad_input'. `start` is called at once, and for every later worker. */
  constructor(
    { server, mode = 'prefer_on_device' }: OpenOptions,
    route: Route,
    start: StartEngine,
    onStatus: (status: Status) => void,
  ) {
    this.#place = placeOf(server!)
    this.#usualMode = mode
    const { inputUsd = 0, outputUsd = 0, budgetUsd } = this.#place
    const far = new ServerEdits(this.#place)
    const user = watchUser()
    const engine = new BackgroundEngine(start, onStatus)
    this.#engine = engine
    this.#edits = new RoutedEdits({
      route,
      by: {
        device: (args, signal) => engine.call('edit', args, { signal }),
        server: (args, signal) => far.edit(args, signal),
      },
      here: (args) => ({
        device: engine.facts,
        offered: isOffered(engine.status, args),
        server: {
          reachable: !args.adapter, // which is a file of this page
          ...{ inputUsd, outputUsd },
          ...(budgetUsd === undefined
            ? {}
            : { budgetUsd: Math.max(0, budgetUsd - this.#edits.spentUsd()) }),
        },
        user: user(),
      }),
    })
  }

  get status(): Status {
    return this.#engine.status
  }
  ledger(): LedgerSums {
    return this.#edits.ledger()
  }
  /** Of the device; see BackgroundEngine. */
  call: BackgroundEngine['call'] = (...given) => this.#engine.call(...given)

  /** One edit, by whichever place. */
  async edit(args: EditArgs, { signal, ...wishes }: Wishes): Promise<EditResult> {
    if (this.#end.signal.aborted) throw new NearfieldError('closed', 'close() was called')
    return this.#edits.edit(args, {
      ...this.#wishes(wishes),
      signal: signal ? AbortSignal.any([signal, this.#end.signal]) : this.#end.signal,
    })
  }

  /**
   * A remembered answer, entered into the ledger; null where the mode forbids its place, and where
   * it is the server's and the device would be asked now.
   */
  known(args: EditArgs, result: EditResult, asked: Omit<Wishes, 'signal'>): EditResult | null {
    const { source } = result.receipt
    const wishes = this.#wishes(asked)
    if (this.#end.signal.aborted || NOT_FROM[wishes.mode] === source) return null
    return this.#edits.remembered(args, source, wishes) ? result : null
  }

  #wishes({ mode = this.#usualMode, deadlineMs }: Omit<Wishes, 'signal'>) {
    const { secondUsd, patienceMs } = this.#place
    return {
      mode,
      ...(secondUsd === undefined ? {} : { secondUsd }),
      ...(patienceMs === undefined ? {} : { patienceMs }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    }
  }

  /** What runs rejects with an AbortError, later calls with a NearfieldError 'closed'. */
  close(): void {
    this.#end.abort(abortError('close() was called'))
    this.#engine.close()
  }
}

export async function openRouted(
  options: OpenOptions,
  start: StartEngine,
  onStatus: (status: Status) => void,
): Promise<Routed> {
  const route = await Route.load()
  options.signal?.throwIfAborted()
  return new Routed(options, route, start, onStatus)
}

const NOT_FROM: Partial<Record<NonNullable<EditRequest['mode']>, EditResult['receipt']['source']>> =
  {
    only_on_device: 'server',
    only_in_cloud: 'device',
  }

const placeOf = (server: string | URL | ServerPlace): ServerPlace =>
  typeof server === 'string' || server instanceof URL ? { url: server } : server

/** While no model is there it is not known: the device then says so itself. */
function isOffered({ tasks }: Status, { task, adapter, evenIfPoor }: EditArgs): boolean {
  if (evenIfPoor || adapter?.task === task || tasks.length === 0) return true
  return tasks.some((offer) => offer.task === task && offer.offered)
}
