/**
 * A model with a server beside it: each edit goes where the router says. Owns how a page's options
 * and circumstances become the router's facts. A bundle of its own, which only a page with a server
 * loads. Read next: router/edits.ts, router/background_engine.ts, server/client.ts.
 */
import type { EditArgs } from './protocol.ts'
import { Route } from './route.ts'
import { BackgroundEngine, type StartEngine } from './router/background_engine.ts'
import { RoutedEdits } from './router/edits.ts'
import { watchUser } from './router/user.ts'
import { ServerEdits } from './server/client.ts'
import type { EditRequest, EditResult, OpenOptions, ServerPlace, Status } from './types.ts'

export interface Routed {
  engine: BackgroundEngine
  edits: RoutedEdits
  /** One edit, by whichever place. */
  edit(
    args: EditArgs,
    wishes: { [Key in 'mode' | 'deadlineMs' | 'signal']: EditRequest[Key] | undefined },
  ): Promise<EditResult>
  /** An answer that was remembered, entered into the ledger; null where the mode forbids its place. */
  known(args: EditArgs, result: EditResult, mode: EditRequest['mode']): EditResult | null
}

/** `start` is called at once, and again for every worker that has ended. */
export async function openRouted(
  { server, signal, mode: usualMode = 'prefer_on_device' }: OpenOptions,
  start: StartEngine,
  onStatus: (status: Status) => void,
): Promise<Routed> {
  const place = placeOf(server!)
  const { inputUsd = 0, outputUsd = 0, budgetUsd, secondUsd, patienceMs } = place
  const far = new ServerEdits(place)
  const engine = new BackgroundEngine(start, onStatus)
  const user = watchUser()
  const device = (args: EditArgs, signal: AbortSignal) => engine.call('edit', args, { signal })
  try {
    const edits: RoutedEdits = new RoutedEdits({
      route: await Route.load(),
      by: { device, server: (args, signal) => far.edit(args, signal) },
      here: (args) => ({
        device: engine.facts,
        offered: isOffered(engine.status, args),
        server: {
          reachable: !args.adapter, // which is a file of this page
          ...{ inputUsd, outputUsd },
          ...(budgetUsd === undefined
            ? {}
            : { budgetUsd: Math.max(0, budgetUsd - edits.ledger().server.usd) }),
        },
        user: user(),
      }),
    })
    signal?.throwIfAborted()
    const own = {
      ...(secondUsd === undefined ? {} : { secondUsd }),
      ...(patienceMs === undefined ? {} : { patienceMs }),
    }
    return {
      engine,
      edits,
      edit: (args, { mode = usualMode, deadlineMs, signal: ends }) =>
        edits.edit(args, {
          ...{ ...own, mode },
          ...(deadlineMs === undefined ? {} : { deadlineMs }),
          ...(ends ? { signal: ends } : {}),
        }),
      known(args, result, mode = usualMode) {
        if (NOT_FROM[mode] === result.receipt.source) return null
        edits.remembered(args)
        return result
      },
    }
  } catch (error) {
    engine.close()
    throw error
  }
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
