// The router of the SDK and the three it is measured against, each as: (world, edit) -> a promise of
// { value, usd }, rejected when there is no answer. The three are treated well: each tries again
// where real ones give up.
import { Route } from '../../sdk/src/route.ts'
import { Router } from '../../sdk/src/router/router.ts'
import { PRICE } from './world.mjs'

const TRY_MS = 10_000
const BACKOFF_MS = [500, 1000]

/** Three tries with a pause between them. */
async function serverWithRetry({ server, clock }, edit) {
  for (let i = 0; ; i++) {
    const stop = new AbortController()
    const untime = clock.after(TRY_MS, () => stop.abort(new Error('timeout')))
    try {
      return await server.ask(edit, stop.signal)
    } catch (error) {
      if (i === BACKOFF_MS.length) throw error
      await clock.sleep(BACKOFF_MS[i])
    } finally {
      untime()
    }
  }
}

/** Whatever it takes: a load and a lost GPU are waited for. */
async function deviceAlways({ device, clock }, edit) {
  for (;;) {
    try {
      return await device.ask(edit)
    } catch {
      await clock.sleep(250)
    }
  }
}

/**
 * The device where it is there, else the server: prefer_on_device of Firebase AI Logic
 * (firebase-js-sdk, packages/ai/src/requests/hybrid-helpers.ts), which asks no second place when
 * the first fails; here it chooses once more.
 */
async function byAvailability(world, edit) {
  const { state } = world.device.state()
  if (state !== 'ready' && state !== 'busy') return serverWithRetry(world, edit)
  try {
    return await world.device.ask(edit)
  } catch {
    return byAvailability(world, edit)
  }
}

/** What a page of the SDK does. options: of every request. */
function nearfield(route, { clock }, options) {
  const router = new Router(route, clock)
  let usual = 0 // ms of an edit on the device, for what waits before one
  return async ({ device, server }, edit) => {
    const { waiting = 0, runningMs = 0, ...state } = device.state()
    const queueMs = Math.max(0, waiting * usual - Math.min(runningMs, usual))
    const circumstances = {
      device: { ...state, queueMs, cachedTokens: edit.inputTokens - edit.readTokens },
      server: { reachable: true, ...PRICE },
    }
    const request = { ...options, offered: true, ...edit }
    const ask = async (place, signal) => {
      const got = await (place === 'device' ? device : server).ask(edit, signal)
      if (place === 'device') usual += (got.ownMs - usual) / (usual === 0 ? 1 : 8)
      return { ...got, value: got }
    }
    const { value, plan } = await router.answer(request, circumstances, ask)
    return { ...value, why: plan.why }
  }
}

/** name -> (world) -> policy */
export function policies(wasm, deadlineMs) {
  const router = (options) => async (world) =>
    nearfield(await Route.load(wasm), world, { mode: 'prefer_on_device', deadlineMs, ...options })
  return {
    always_server: () => serverWithRetry,
    always_local: () => deviceAlways,
    availability: () => byAvailability,
    nearfield: router({}),
    nearfield_patient: router({ patienceMs: 400 }),
  }
}
