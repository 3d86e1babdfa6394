import { expect, test, vi } from 'vitest'
import { Route, type RouteFacts } from './route.ts'
import { realRoute } from './testing/real_wasm.ts'

const route = await realRoute()

/** The facts of tests/policy/test_route.c: 120 ms here, late 180; 400 ms there, late 600. */
const usual: RouteFacts = {
  offered: true,
  inputTokens: 200,
  outputTokens: 20,
  passes: 10,
  mode: 'prefer_on_device',
  device: { state: 'ready', passMs: 10, tokenMs: 1, late: 1.5, cachedTokens: 180 },
  server: {
    reachable: true,
    rttMs: 50,
    firstTokenMs: 300,
    firstTokenLateMs: 500,
    tokenMs: 5,
    inputUsd: 0.15,
    outputUsd: 0.6,
  },
}

test('facts and plan cross as the C side lays them out', () => {
  expect(route.plan(usual)).toEqual({
    first: 'device',
    second: 'server',
    why: 'device_preferred',
    text: 'this device is preferred and quick enough',
    deviceWhy: '',
    serverWhy: '',
    hedgeAfterMs: 180,
    giveUpMs: 1000,
    expectedMs: 120,
    lateMs: 180,
    costUsd: 42e-6,
    onTrial: false,
  })
})

type Change = Partial<Omit<RouteFacts, 'device' | 'server'>> & {
  device?: Partial<RouteFacts['device']>
  server?: Partial<RouteFacts['server']>
}
const planOf = ({ device, server, ...rest }: Change) =>
  route.plan({
    ...usual,
    ...rest,
    device: { ...usual.device, ...device },
    server: { ...usual.server, ...server },
  })

// Each case moves one fact over an edge, so that a fact in the wrong place of the row is seen.
test.each<[string, Change, ReturnType<typeof planOf>['first'], string]>([
  ['offered', { offered: false }, 'server', 'not_offered'],
  ['inputTokens', { inputTokens: 1200 }, 'server', 'server_faster'],
  ['outputTokens', { outputTokens: 1000, device: { ctxTokensMax: 1024 } }, 'server', 'context'],
  ['passes', { passes: 100 }, 'server', 'server_faster'],
  ['deadlineMs', { passes: 60, deadlineMs: 700 }, 'server', 'server_deadline'],
  ['patienceMs', { passes: 60, patienceMs: 930 }, 'device', 'device_preferred'],
  [
    'secondUsd',
    { passes: 60, mode: 'prefer_in_cloud', secondUsd: 0.0001 },
    'device',
    'device_cheaper',
  ],
  ['only_on_device', { mode: 'only_on_device' }, 'device', 'only_on_device'],
  ['only_in_cloud', { mode: 'only_in_cloud' }, 'server', 'only_in_cloud'],
  ['prefer_in_cloud', { mode: 'prefer_in_cloud', patienceMs: 600 }, 'server', 'server_preferred'],
  ['absent', { device: { state: 'absent' } }, 'server', 'device_absent'],
  ['lost', { device: { state: 'lost' } }, 'server', 'device_lost'],
  ['loading', { device: { state: 'loading' } }, 'server', 'device_loading'],
  [
    'progress',
    { device: { state: 'loading', loadingMs: 5000, progress: 0.99 } },
    'device',
    'device_soon',
  ],
  ['queueMs', { device: { state: 'busy', queueMs: 500 } }, 'server', 'server_faster'],
  ['device breaker', { device: { breaker: 'open' } }, 'server', 'device_failing'],
  ['passMs', { device: { passMs: 100 } }, 'server', 'server_faster'],
  ['tokenMs', { device: { tokenMs: 30 } }, 'server', 'server_faster'],
  ['late', { device: { late: 5.5 } }, 'server', 'server_faster'],
  ['cachedTokens', { device: { cachedTokens: 0, tokenMs: 2.6 } }, 'server', 'server_faster'],
  ['memory', { device: { memoryNeedBytes: 2, memoryRoomBytes: 1 } }, 'server', 'memory'],
  ['reachable', { server: { reachable: false } }, 'device', 'server_away'],
  ['server breaker', { server: { breaker: 'open' } }, 'device', 'server_failing'],
  ['firstTokenMs', { passes: 36, server: { firstTokenMs: 600 } }, 'device', 'device_preferred'],
  [
    'firstTokenLateMs',
    { server: { firstTokenLateMs: 10, firstTokenMs: 10, rttMs: 10 } },
    'server',
    'server_faster',
  ],
  ['server tokenMs', { passes: 50, server: { tokenMs: 40 } }, 'device', 'device_preferred'],
  ['rttMs', { passes: 50, server: { rttMs: 900 } }, 'device', 'device_preferred'],
  ['budgetUsd', { server: { budgetUsd: 41e-6 } }, 'device', 'budget'],
  ['offline', { user: { offline: true } }, 'device', 'offline'],
])('%s', (_, change, first, why) => {
  const plan = planOf(change)
  expect([plan.first, plan.why]).toEqual([first, why])
})

test('what nobody can do has both reasons', () => {
  const plan = planOf({ device: { state: 'lost' }, user: { offline: true } })
  expect(plan).toMatchObject({ first: null, second: null, why: 'nowhere', hedgeAfterMs: null })
  expect([plan.deviceWhy, plan.serverWhy]).toEqual(['device_lost', 'offline'])
})

test('users who pay for bytes or run low are not hedged for', () => {
  expect(planOf({ user: { saveData: true } }).hedgeAfterMs).toBeNull()
  expect(planOf({ user: { metered: true } }).hedgeAfterMs).toBeNull()
  const low = { discharging: true, battery: 0.1 }
  expect(planOf({ passes: 100 }).hedgeAfterMs).toBe(600)
  expect(planOf({ passes: 100, user: low }).hedgeAfterMs).toBeNull()
  expect(planOf({ passes: 100, user: { ...low, battery: 0.5 } }).hedgeAfterMs).toBe(600)
})

test('old measurements and unmeasured backends are guessed', () => {
  const old = planOf({ mode: 'only_in_cloud', server: { ageMs: 30_000, firstTokenMs: 1000 } })
  expect(old.expectedMs).toBeCloseTo((1000 + 450) / 2 + 100, 6)
  expect(old.onTrial).toBe(true)
  const mode = 'only_on_device'
  expect(planOf({ mode, device: { passMs: 25, ageMs: 120_000 } }).expectedMs).toBeCloseTo(220, 6)
  const device = { state: 'ready', cachedTokens: 180 } as const
  const fresh = (backend: 'webgpu' | 'native') =>
    route.plan({ ...usual, mode, device: { ...device, backend } }).expectedMs
  expect(fresh('webgpu')).toBe(50)
  expect(fresh('native')).toBe(100)
})

test('no fact can break it', () => {
  const odd = { inputTokens: Number.NaN, outputTokens: Infinity, passes: -1, deadlineMs: -Infinity }
  const plan = planOf(odd)
  expect(plan.first).not.toBeNull()
  expect(Number.isFinite(plan.lateMs + plan.costUsd + plan.hedgeAfterMs!)).toBe(true)
  expect(planOf({ mode: 'anywhere' as never }).why).toBe('only_on_device') // the strictest
  expect(planOf({ device: { state: 'there' as never } }).why).toBe('device_absent')
  expect(planOf({ device: { breaker: 'ajar' as never } }).why).toBe('device_failing')
})

test('latencies are kept apart, and there are not endlessly many', async () => {
  const own = await realRoute()
  const [a, b] = [own.latency(), own.latency()]
  for (let i = 0; i < 20; i++) a.add(100)
  b.add(1)
  expect([a.count, a.mean, b.count, b.mean]).toEqual([20, 100, 1, 1])
  expect(Math.abs(a.late - 100)).toBeLessThan(10)
  expect(b.late).toBe(0)
  expect(Math.abs(a.quantile(0.5) - 100)).toBeLessThan(10)
  for (let i = 2; i < 32; i++) own.latency()
  expect(() => own.latency()).toThrow(/no further latency/)
})

test('a breaker opens, waits, and lets one try through', async () => {
  const breaker = (await realRoute()).breaker(2, 1000)
  for (const at of [10.5, 20]) breaker.take(at)!('failed', at)
  expect(breaker.state(500)).toBe('open')
  expect(breaker.take(500)).toBeNull()
  const give = breaker.take(1020)!
  expect(breaker.state(1021)).toBe('open') // the one try runs
  give('ok', 1100)
  expect(breaker.state(1100)).toBe('closed')
})

test('a module that cannot be had, or is none, says so', async () => {
  const fetched: string[] = []
  vi.stubGlobal('fetch', async (url: URL) => {
    fetched.push(url.pathname.split('/').at(-1)!)
    return new Response('no', { status: 404 })
  })
  try {
    await expect(Route.load()).rejects.toMatchObject({ code: 'network' })
    vi.stubGlobal('fetch', async () => new Response('<!doctype html>'))
    await expect(Route.load()).rejects.toMatchObject({ code: 'unsupported' })
  } finally {
    vi.unstubAllGlobals()
  }
  expect(fetched).toEqual(['nearfield-route.wasm'])
})
