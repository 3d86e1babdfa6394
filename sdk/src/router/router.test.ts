import { expect, test } from 'vitest'
import { NearfieldError } from '../error.ts'
import type { Place } from '../route.ts'
import { ManualClock } from '../testing/manual_clock.ts'
import { realRoute } from '../testing/real_wasm.ts'
import type { RouteMode } from '../types.ts'
import { type Circumstances, Router } from './router.ts'
import type { Tried } from './run.ts'

/** A world that a test changes between edits. An edit has 20 passes' worth of work on the device. */
async function world(mode: RouteMode = 'prefer_on_device', patienceMs = 0) {
  const clock = new ManualClock()
  const router = new Router(await realRoute(), clock)
  const now = {
    device: { state: 'ready' } as Circumstances['device'],
    reachable: true,
    offline: false,
    saveData: false,
    deviceMs: 100,
    serverMs: 300,
    fails: {} as Partial<Record<Place, 'network' | 'lost'>>,
  }
  const asked: Place[] = []
  /** Why tries were ended. */
  const stops: Partial<Record<Place, unknown>> = {}
  const work = { readTokens: 50, outputTokens: 20, passes: 10 }
  async function edit(passMs = 20_000) {
    const from = clock.now()
    const seen: Tried[] = []
    const result = router.answer(
      { mode, patienceMs, offered: true, inputTokens: 250, outputTokens: 20 },
      {
        device: { cachedTokens: 200, ...now.device },
        server: { reachable: now.reachable },
        user: { offline: now.offline, saveData: now.saveData },
      },
      async (place, signal) => {
        asked.push(place)
        const ms = place === 'device' ? now.deviceMs : now.serverMs
        const stopped = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => {
            stops[place] = signal.reason
            reject(signal.reason)
          })
        })
        await Promise.race([clock.sleep(now.fails[place] ? 20 : ms), stopped])
        if (now.fails[place]) throw new NearfieldError(now.fails[place], 'as the test asks')
        return { value: place, ...(place === 'device' ? { work } : {}) }
      },
      { told: (_, tried) => seen.push(tried) },
    )
    let at = from
    const got = await Promise.all([result.finally(() => (at = clock.now())), clock.pass(passMs)])
    return { ...got[0], ms: at - from, seen }
  }
  return { clock, now, asked, stops, edit, router }
}

test('device, server, device: each with its reason', async () => {
  const { now, edit } = await world('prefer_on_device', 400)
  const told: string[] = []
  const step = async () => {
    const { place, plan } = await edit()
    told.push(`${place} ${plan.why}`)
  }
  now.device = { state: 'loading', loadingMs: 1000, progress: 0.1 }
  await step()
  now.device = { state: 'ready' }
  await step()
  now.device = { state: 'lost' }
  await step()
  now.device = { state: 'ready' }
  await step()
  now.offline = true
  await step()
  expect(told).toEqual([
    'server device_loading',
    'device device_preferred',
    'server device_lost',
    'device device_preferred',
    'device offline',
  ])
})

test('only_on_device never asks the server, whatever happens', async () => {
  const { now, asked, edit } = await world('only_on_device')
  await edit()
  now.deviceMs = 15_000 // late, then given up and asked again
  await edit().catch(() => {})
  now.fails.device = 'lost'
  await expect(edit()).rejects.toMatchObject({ code: 'lost' })
  now.device = { state: 'absent' }
  await expect(edit()).rejects.toMatchObject({ code: 'unsupported' })
  expect(asked.length).toBeGreaterThan(5)
  expect(asked).not.toContain('server')
})

test('an unknown server is asked beside the device once, and let finish', async () => {
  const { asked, edit } = await world()
  expect((await edit()).place).toBe('device')
  expect(asked).toEqual(['device', 'server'])
  const { plan } = await edit()
  expect(asked).toEqual(['device', 'server', 'device'])
  expect([plan.first, plan.hedgeAfterMs! > 0]).toEqual(['device', true])
})

test('with a server that is quicker the edits move there, and come back when it is not', async () => {
  const { now, edit } = await world()
  now.serverMs = 40
  await edit()
  expect(await edit()).toMatchObject({ place: 'server', plan: { why: 'server_faster' }, ms: 40 })
  now.serverMs = 2000
  const times: number[] = []
  const places: Place[] = []
  for (let i = 0; i < 8; i++) {
    const { place, ms } = await edit()
    times.push(ms)
    places.push(place)
  }
  expect(places.at(-1)).toBe('device')
  expect(Math.max(...times)).toBeLessThan(250) // the hedge, at once
})

test('a slow device is found out, and back when it has recovered', async () => {
  const { clock, now, edit } = await world()
  now.deviceMs = 3000
  now.serverMs = 700
  for (let i = 0; i < 4; i++) await edit()
  expect(await edit()).toMatchObject({ place: 'server', plan: { why: 'server_faster' }, ms: 700 })
  now.deviceMs = 100
  await clock.pass(600_000) // long enough for the bad news to fade: both are asked at once
  const trial = await edit()
  expect([trial.plan.onTrial, trial.place, trial.ms]).toEqual([true, 'device', 100])
  expect(await edit()).toMatchObject({ place: 'device', plan: { onTrial: false } })
})

test('failures: the other place at once, then the breaker, then a trial that nobody waits for', async () => {
  const { clock, now, asked, edit } = await world()
  now.serverMs = 40
  await edit()
  await edit()
  now.fails.server = 'network'
  asked.length = 0
  const first = await edit()
  expect(first).toMatchObject({ place: 'device', ms: 120 }) // 20 to fail, 100 here
  expect(first.tries.map(({ place, end }) => `${place} ${end}`)).toEqual([
    'server network',
    'device ok',
  ])
  expect(first.seen).toHaveLength(4) // each as it began and as it ended
  await edit()
  const whys = new Set<string>()
  let trials = 0
  for (let i = 0; i < 30; i++) {
    const { plan, place, ms } = await edit()
    whys.add(plan.why)
    trials += plan.onTrial ? 1 : 0
    expect([place, ms]).toEqual(['device', 100])
  }
  expect(whys.has('server_failing')).toBe(true)
  expect(trials).toBeGreaterThan(2)
  delete now.fails.server
  await clock.pass(100_000)
  await edit()
  expect((await edit()).place).toBe('server')
})

const ends = (tries: Tried[]) =>
  tries.map(({ place, end, ms }) => `${place} ${end} ${Math.round(ms)}`)

test('an unknown server that is silent beside a slow device does not end the edit', async () => {
  const { now, edit } = await world('prefer_on_device', 20_000)
  now.reachable = false
  for (now.deviceMs = 1500; now.deviceMs < 12_000; now.deviceMs *= 1.5) await edit() // known as slow
  now.deviceMs = 27_000
  now.reachable = true
  now.serverMs = 60_000
  const { place, ms, tries, plan } = await edit(30_000)
  expect([plan.first, place, ms]).toEqual(['device', 'device', 27_000])
  expect(plan.giveUpMs).toBeGreaterThan(27_000)
  const again = 27_000 - plan.hedgeAfterMs! - 10_000 - 500
  expect(ends(tries)).toEqual([
    'device ok 27000',
    'server timeout 10000', // not 'network': it may be charged
    `server cancelled ${Math.round(again)}`,
  ])
})

test('an unknown server that is asked because the device has failed may take its time', async () => {
  const { now, edit } = await world()
  now.saveData = true // no hedges
  now.fails.device = 'lost'
  now.serverMs = 12_000
  const { place, tries, plan } = await edit()
  expect([place, plan.hedgeAfterMs]).toEqual(['server', null])
  expect(ends(tries).filter((line) => line.startsWith('server'))).toEqual(['server ok 12000'])
})

test('and one whose answer nobody waits for any more has 10 s from then on', async () => {
  const { now, stops, edit, clock } = await world()
  now.saveData = true
  now.fails.device = 'lost'
  now.serverMs = 60_000
  clock.after(100, () => delete now.fails.device) // asked again after 500 ms, it answers
  const { place, ms } = await edit() // and lets 20 s pass
  expect([place, ms]).toEqual(['device', 620])
  expect(stops.server).toMatchObject({ message: 'the server did not answer within 10000 ms' })
})
