// The simulation itself on small worlds, and the router's bar on a short run of all of them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { around, draw, VirtualClock } from './clock.mjs'
import { policies } from './policies.mjs'
import { verdict } from './run.mjs'
import { scenarios } from './scenarios.mjs'
import { NO_ANSWER_MS, quantile, simulate } from './simulate.mjs'
import { Device, editOf, Server } from './world.mjs'

const wasm = new Uint8Array(
  readFileSync(new URL('../../build/wasm/nearfield-route.wasm', import.meta.url)),
)
const ready = () => ({ state: 'ready' })
const calm = { server: () => ({ rtt: 100, serviceMs: 300 }), device: ready, passMs: 10 }

test('time passes event by event, and promises settle between two', async () => {
  const clock = new VirtualClock()
  const seen = []
  clock.after(20, () => seen.push(['b', clock.now()]))
  clock.after(10, async () => {
    await clock.sleep(10) // made later than the one above: comes after it
    seen.push(['c', clock.now()])
    await null
    clock.after(0, () => seen.push(['d', clock.now()]))
  })
  clock.after(15, () => seen.push('never'))()
  await clock.run()
  assert.deepEqual(seen, [
    ['b', 20],
    ['c', 20],
    ['d', 20],
  ])
})

test('draws depend on their name alone and are even', () => {
  assert.equal(draw(1, 7, 'rtt'), draw(1, 7, 'rtt'))
  assert.notEqual(draw(1, 7, 'rtt'), draw(2, 7, 'rtt'))
  const many = Array.from({ length: 20_000 }, (_, i) => draw(1, i, 'x'))
  for (let k = 0; k < 10; k++) {
    const share = many.filter((u) => u >= k / 10 && u < (k + 1) / 10).length / many.length
    assert.ok(Math.abs(share - 0.1) < 0.01, `${k}: ${share}`)
  }
  const times = Array.from({ length: 20_000 }, (_, i) => around(100, 0.3, 1, i)).sort(
    (a, b) => a - b,
  )
  assert.ok(Math.abs(quantile(times, 0.5) - 100) < 1)
  assert.ok(Math.abs(quantile(times, 0.95) - 100 * Math.exp(1.645 * 0.3)) < 3)
})

test('a device does one edit at a time, waits for its model, and loses all at once', async () => {
  const clock = new VirtualClock()
  const loading = (t) =>
    t < 500 ? { state: 'loading', loadingMs: t, progress: t / 500, readyMs: 500 - t } : ready()
  const device = new Device(clock, { device: loading, passMs: 10, lostAt: [2000] }, 1)
  const edit = editOf(1, 3)
  const seen = []
  const ask = (name) =>
    device.ask(edit).then(
      ({ ownMs }) => seen.push([name, clock.now(), ownMs]),
      (error) => seen.push([name, clock.now(), error.code]),
    )
  ask('a')
  ask('b')
  clock.after(1990, () => {
    ask('c')
    ask('d')
  })
  await clock.run()
  const [[, first, own], [, second]] = seen
  assert.ok(Math.abs(first - (500 + own)) < 1e-6)
  assert.ok(Math.abs(second - (500 + 2 * own)) < 1e-6)
  assert.deepEqual(seen.slice(2), [
    ['c', 2000, 'lost'],
    ['d', 2000, 'lost'],
  ])
})

test('a server that is asked is paid, also when nobody waits any more', async () => {
  const clock = new VirtualClock()
  const server = new Server(clock, calm, 1)
  const stop = new AbortController()
  server.ask(editOf(1, 0), stop.signal).catch(() => {})
  clock.after(10, () => stop.abort()) // half a round trip is 50: it never arrived
  await clock.run()
  assert.equal(server.usd, 0)
  const late = new AbortController()
  server.ask(editOf(1, 0), late.signal).catch(() => {})
  clock.after(90, () => late.abort())
  await clock.run()
  assert.ok(server.usd > 0)
})

test('the same seed gives the same figures, and silence is no answer', async () => {
  const options = { edits: 300, seed: 5, deadlineMs: 1500 }
  const { nearfield, always_server } = policies(wasm, 1500)
  const once = await simulate(calm, nearfield, options)
  assert.deepEqual(await simulate(calm, nearfield, options), once)
  const dead = { ...calm, server: () => ({ rtt: 100, serviceMs: 300, dead: true }) }
  const none = await simulate(dead, always_server, { ...options, edits: 20 })
  assert.deepEqual([none.failed, none.missed, none.p50_ms], [20, 20, NO_ANSWER_MS])
})

test('the verdict', () => {
  const results = (nearfield) => ({
    always_server: { p95_ms: 100 },
    always_local: { p95_ms: 300 },
    availability: { p95_ms: 200 },
    nearfield: { p95_ms: nearfield },
  })
  assert.deepEqual(verdict({ results: results(105) }), { best_p95_ms: 100, ratio: 1.05, ok: true })
  assert.equal(verdict({ results: results(106) }).ok, false)
  assert.equal(verdict({ changes: true, results: results(100) }).ok, false)
  assert.equal(verdict({ changes: true, results: results(99) }).ok, true)
})

// A short run, so what was learned at its beginning weighs more than in 10,000 edits.
for (const scenario of scenarios) {
  test(`the router's p95: ${scenario.name}`, async () => {
    const results = {}
    for (const [name, start] of Object.entries(policies(wasm, 1500)))
      if (name !== 'nearfield_patient')
        results[name] = await simulate(scenario, start, { edits: 2000, seed: 1, deadlineMs: 1500 })
    const { ratio, ok } = verdict({ changes: scenario.changes, results })
    assert.ok(ok, `${ratio} of the best`)
  })
}
