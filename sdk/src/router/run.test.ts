import { expect, test } from 'vitest'
import { type ErrorCode, NearfieldError } from '../error.ts'
import type { Place, Plan } from '../route.ts'
import { ManualClock } from '../testing/manual_clock.ts'
import { runPlan, type Tried } from './run.ts'

const plan: Plan = {
  first: 'device',
  second: 'server',
  why: 'device_preferred',
  text: '',
  deviceWhy: '',
  serverWhy: '',
  hedgeAfterMs: 100,
  giveUpMs: 1000,
  expectedMs: 50,
  lateMs: 100,
  costUsd: 0,
  onTrial: false,
}
const failure = (code: ErrorCode) => new NearfieldError(code, code)
type Answers = Partial<Record<Place, { ms: number; fails?: unknown }[]>>

/** Each place answers, or fails, as its list says; one that is not in it is silent. */
function start(change: Partial<Plan>, answers: Answers, signal?: AbortSignal) {
  const clock = new ManualClock()
  const aborted: Place[] = []
  const ended: Tried[] = []
  const ask = async (place: Place, stop: AbortSignal) => {
    stop.addEventListener('abort', () => aborted.push(place))
    const next = answers[place]?.shift()
    if (!next) return new Promise<string>(() => {})
    await clock.sleep(next.ms)
    if (next.fails) throw next.fails
    return `by the ${place}`
  }
  const watch = { end: (tried: Tried) => ended.push({ ...tried }) }
  const options = { clock, watch, ...(signal ? { signal } : {}) }
  const result = runPlan({ ...plan, ...change }, ask, options)
  result.catch(() => {})
  return { clock, aborted, ended, result }
}
const short = (tries: Tried[]) => tries.map((t) => `${t.place} ${t.end} ${t.ms}`)

test('a first place in time is the only one asked', async () => {
  const { clock, result, ended } = start({}, { device: [{ ms: 99 }] })
  await clock.pass(5000)
  const { answer, place, tries } = await result
  expect([answer, place, short(tries)]).toEqual(['by the device', 'device', ['device ok 99']])
  expect(ended).toHaveLength(1)
})

test('a late one is helped: the second answers first, and the first is cancelled', async () => {
  const { clock, result, aborted } = start({}, { server: [{ ms: 50 }] })
  await clock.pass(150)
  const { place, tries } = await result
  expect(place).toBe('server')
  expect(short(tries)).toEqual(['device cancelled 150', 'server ok 50'])
  expect(tries.map((tried) => tried.hedge)).toEqual([false, true])
  expect(aborted).toEqual(['device'])
})

test('and the other way round: the hedge is cancelled', async () => {
  const { clock, result, aborted } = start({}, { device: [{ ms: 120 }], server: [{ ms: 50 }] })
  await clock.pass(5000)
  const { place, tries } = await result
  expect(place).toBe('device')
  expect(short(tries)).toEqual(['device ok 120', 'server cancelled 20'])
  expect(aborted).toEqual(['server'])
})

test('both at once', async () => {
  const { clock, result } = start(
    { hedgeAfterMs: 0 },
    { device: [{ ms: 120 }], server: [{ ms: 50 }] },
  )
  await clock.pass(5000)
  expect(short((await result).tries)).toEqual(['device cancelled 50', 'server ok 50'])
})

test('a failure moves on at once', async () => {
  const answers = { device: [{ ms: 10, fails: failure('lost') }], server: [{ ms: 50 }] }
  const { clock, result } = start({ hedgeAfterMs: null }, answers)
  await clock.pass(60)
  expect(short((await result).tries)).toEqual(['device lost 10', 'server ok 50'])
})

test('a fault of the request does not', async () => {
  const { clock, result } = start({}, { device: [{ ms: 10, fails: failure('bad_input') }] })
  await clock.pass(11)
  await expect(result).rejects.toMatchObject({ code: 'bad_input' })
})

test('a silent server is given up, and asked anew after the device', async () => {
  const change = { first: 'server', second: 'device', hedgeAfterMs: null } as const
  const { clock, result, aborted } = start(change, { device: [{ ms: 50 }] })
  await clock.pass(1050)
  expect(short((await result).tries)).toEqual(['server timeout 1000', 'device ok 50'])
  expect(aborted).toEqual(['server'])
})

test('a late device goes on: the first of both answers', async () => {
  const other = { hedgeAfterMs: null }
  const quick = start(other, { server: [{ ms: 50 }] })
  await quick.clock.pass(1050)
  expect(short((await quick.result).tries)).toEqual(['device cancelled 1050', 'server ok 50'])
  const away = start(other, {
    device: [{ ms: 9000 }],
    server: [{ ms: 10, fails: failure('network') }],
  })
  await away.clock.pass(9000)
  const { place, tries } = await away.result
  expect(place).toBe('device')
  expect(short(tries).filter((tried) => tried.startsWith('device'))).toEqual(['device ok 9000'])
  const alone = start({ ...other, second: null }, {})
  await alone.clock.pass(301_000 + 4 * 301_000 + 7500)
  await expect(alone.result).rejects.toThrow(/device did not answer within 301000 ms/)
})

test('what has failed is asked again, with longer and longer pauses', async () => {
  const fails = failure('network')
  const answers = { server: [{ ms: 10, fails }, { ms: 10, fails }, { ms: 10 }] }
  const { clock, result } = start({ first: 'server', second: null, hedgeAfterMs: null }, answers)
  await clock.pass(10 + 500 + 10 + 1000 + 9)
  expect(answers.server).toHaveLength(0)
  await clock.pass(1)
  const ends = short((await result).tries)
  expect(ends).toEqual(['server network 10', 'server network 10', 'server ok 10'])
})

test('and given up in the end, with the last error', async () => {
  const fails = failure('network')
  const list = () => Array.from({ length: 9 }, () => ({ ms: 10, fails }))
  const answers = { device: list(), server: list() }
  const { clock, result, ended } = start({}, answers)
  await clock.pass(60_000)
  await expect(result).rejects.toBe(fails)
  expect(ended.filter((tried) => tried.place === 'device')).toHaveLength(5)
  expect(answers.server).toHaveLength(4)
})

test('aborting ends both, with its reason', async () => {
  const stop = new AbortController()
  const { clock, result, aborted, ended } = start({}, {}, stop.signal)
  await clock.pass(200)
  stop.abort('no more')
  await expect(result).rejects.toBe('no more')
  expect(aborted).toEqual(['device', 'server'])
  expect(short(ended)).toEqual(['device cancelled 200', 'server cancelled 100'])
})

test('a plan that leads nowhere asks nobody', async () => {
  const change = { first: null, second: null, deviceWhy: 'device_lost', serverWhy: 'offline' }
  const { result, ended } = start(change, {})
  await expect(result).rejects.toThrow(/device device_lost, server offline/)
  const kept = start({ ...change, serverWhy: 'only_on_device' }, {})
  await expect(kept.result).rejects.toMatchObject({ code: 'lost' })
  expect(ended).toEqual([])
})

test('a place that refuses is not asked again', async () => {
  const fails = failure('unsupported')
  const answers = { device: [{ ms: 10, fails }], server: [{ ms: 10, fails }] }
  const { clock, result, ended } = start({ hedgeAfterMs: null }, answers)
  await clock.pass(60_000)
  await expect(result).rejects.toBe(fails)
  expect(short(ended)).toEqual(['device refused 10', 'server refused 10'])
})

test('a second place that says nothing is given up, too', async () => {
  const fails = failure('unsupported')
  const { clock, result, ended } = start({ hedgeAfterMs: null }, { device: [{ ms: 10, fails }] })
  await clock.pass(10 + 5 * 30_000 + 7500)
  await expect(result).rejects.toThrow(/server did not answer within 30000 ms/)
  expect(short(ended)[1]).toBe('server timeout 30000')
})
