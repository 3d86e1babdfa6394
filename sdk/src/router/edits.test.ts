import { expect, test } from 'vitest'
import { NearfieldError } from '../error.ts'
import type { EditArgs } from '../protocol.ts'
import type { Place } from '../route.ts'
import { ManualClock } from '../testing/manual_clock.ts'
import { realRoute } from '../testing/real_wasm.ts'
import type { EditResult, Receipt } from '../types.ts'
import { type Here, RoutedEdits, type RouteWishes } from './edits.ts'

/** What a test reads of a receipt, as an engine fills it. */
function answer(source: Place, totalMs: number, passes: number): EditResult {
  const backend = source === 'device' ? 'wasm' : 'native'
  const receipt = {
    ...{ source, backend, totalMs, passes, inputTokens: 210, cachedTokens: 190, outputTokens: 8 },
    ...{ bytesSent: 0, costUsd: 0, why: source, attempts: [{ source, backend, outcome: 'ok' }] },
  } as Partial<Receipt> as Receipt
  return { text: source, verdict: 'changed', why: 'ok', changes: [], variants: [], receipt }
}

async function page() {
  const clock = new ManualClock()
  const here: Here = {
    device: { state: 'ready', backend: 'wasm' },
    offered: true,
    server: { reachable: true, inputUsd: 1, outputUsd: 1 },
    user: {},
  }
  const ms = { device: 100, server: 300 }
  const fails: Partial<Record<Place, 'network' | 'lost' | 'bad_input'>> = {}
  const sent: Place[] = []
  const work = { passes: 5 }
  const by = (place: Place) => async (_: EditArgs, signal: AbortSignal) => {
    sent.push(place)
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
    await Promise.race([clock.sleep(ms[place]), stopped])
    if (fails[place]) throw new NearfieldError(fails[place], 'as the test asks')
    return answer(place, ms[place], work.passes)
  }
  const edits = new RoutedEdits({
    route: await realRoute(),
    by: { device: by('device'), server: by('server') },
    here: () => here,
    clock,
  })
  const args: EditArgs = { task: 'fix', text: 'their going too the libary' }
  async function edit(wishes?: RouteWishes) {
    const result = edits.edit(args, wishes)
    const [{ text, receipt }] = await Promise.all([result, clock.pass(20_000)])
    const tried = receipt.attempts.map(({ source, outcome }) => `${source} ${outcome}`)
    return { text, receipt, tried }
  }
  return {
    args,
    clock,
    here,
    ms,
    fails,
    sent,
    edits,
    edit,
    work,
    bytes: JSON.stringify(args).length,
  }
}

test('receipts say where, why, and what it cost', async () => {
  const { here, edit, bytes, fails } = await page()
  const local = await edit()
  expect(local.receipt).toMatchObject({ source: 'device', why: 'device_preferred', costUsd: 0 })
  expect([local.tried, local.receipt.bytesSent]).toEqual([['device ok'], 0])
  here.device = { state: 'loading' }
  const far = await edit()
  expect(far.receipt).toMatchObject({ source: 'server', why: 'device_loading', bytesSent: bytes })
  expect(far.receipt.costUsd).toBeCloseTo((200 + 8 + 8) / 1e6, 8) // 26 letters are 8 tokens
  here.device = { state: 'ready' }
  fails.device = 'lost'
  const after = await edit()
  expect(after.tried).toEqual(['device lost', 'server ok'])
  expect(after.receipt).toMatchObject({ source: 'server', totalMs: 400 })
})

test('a hedge that lost is in the receipt, and paid', async () => {
  const { edit, edits, ms } = await page()
  for (let i = 0; i < 10; i++) await edit()
  ms.device = 900
  ms.server = 800
  const { tried, receipt } = await edit()
  expect(tried).toEqual(['server cancelled', 'device ok'])
  expect(receipt.costUsd).toBeGreaterThan(0)
  const { device, server, saved } = edits.ledger()
  expect([device.edits, device.ms, server.edits, server.requests]).toEqual([11, 1900, 0, 1])
  expect(server.wastedUsd).toBe(server.usd)
  expect(saved.usd).toBeCloseTo(10 * receipt.costUsd, 4)
  expect(saved.ms).toBe(0) // nobody knows what the server takes
})

test('only_on_device sends nothing, and fails rather', async () => {
  const { here, edit, edits, sent, fails } = await page()
  const mode = 'only_on_device'
  await edit({ mode })
  fails.device = 'lost'
  await expect(edit({ mode })).rejects.toMatchObject({ code: 'lost' })
  here.device = { state: 'absent' }
  await expect(edit({ mode })).rejects.toMatchObject({ code: 'unsupported' })
  expect(sent).not.toContain('server')
  expect(edits.ledger()).toMatchObject({ failed: 2, server: { requests: 0, bytesSent: 0, usd: 0 } })
})

test('a fault of the request goes to nobody else', async () => {
  const { edit, sent, fails } = await page()
  fails.device = 'bad_input'
  await expect(edit()).rejects.toMatchObject({ code: 'bad_input' })
  expect(sent).toEqual(['device'])
})

test('edits that wait on the device count: the next one goes elsewhere', async () => {
  const { args, clock, edits, edit, sent } = await page()
  await edit()
  sent.length = 0
  const many = Array.from({ length: 8 }, () => edits.edit(args))
  await clock.pass(1)
  expect(sent.slice(0, 3)).toEqual(['device', 'device', 'device'])
  expect(sent.at(-1)).toBe('server')
  await clock.pass(20_000)
  await Promise.all(many)
})

test('answers by rules do not make the model look quick', async () => {
  const { edit, work, ms } = await page()
  work.passes = 0
  ms.device = 1
  for (let i = 0; i < 5; i++) await edit()
  work.passes = 5
  ms.device = 100
  expect((await edit()).tried).toEqual(['device ok']) // late for one that takes 1 ms: no hedge
})

test('an edit that the page aborts has not failed; what it has sent is paid', async () => {
  const { args, clock, here, edits, bytes } = await page()
  here.device = { state: 'loading' }
  const abort = new AbortController()
  const result = edits.edit(args, { signal: abort.signal })
  await clock.pass(50)
  abort.abort(new Error('enough'))
  await expect(result).rejects.toThrow('enough')
  const { failed, server } = edits.ledger()
  expect([failed, server.requests, server.bytesSent]).toEqual([0, 1, bytes])
})

test('the server’s answer is given again only while the device would not be asked', async () => {
  const { args, clock, here, edits, edit, fails } = await page()
  const stands = (wishes: RouteWishes = {}, source: Place = 'server') =>
    edits.remembered(args, source, wishes)
  here.device = { state: 'loading' }
  await edit()
  expect(stands()).toBe(true)
  here.device = { state: 'ready', backend: 'wasm' }
  expect([stands(), stands({}, 'device')]).toEqual([false, true])
  expect(stands({ mode: 'prefer_in_cloud', patienceMs: 10_000 })).toBe(true)
  here.offered = false
  expect(stands()).toBe(true)
  here.offered = true
  const { device, server } = edits.ledger()
  expect([device.edits, server.edits]).toEqual([4, 1]) // what does not stand is not entered
  await edit()
  const many = Array.from({ length: 8 }, () => edits.edit(args)) // the last of them go to the server
  await clock.pass(1)
  expect(stands()).toBe(true)
  await clock.pass(20_000)
  await Promise.all(many)
  expect(stands()).toBe(false)
  fails.device = 'lost'
  for (let i = 0; i < 2; i++) await edit()
  expect(stands()).toBe(true) // on trial at most: the server would be asked again
})
