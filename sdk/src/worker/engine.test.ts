/// <reference types="node" />
/** Host and engine over the real wasm module and model, one thread, in node: who runs when. */
import { beforeAll, expect, test } from 'vitest'
import { realEngine } from '../testing/real_wasm.ts'
import type { EditRequest } from '../types.ts'
import { Host, type Ways } from './host.ts'
import { breathe } from './queue.ts'
import { clockMs } from './runtime.ts'

const LONG = 'me and Dana was going to the libary yesterday and we seen alot of books there'
const unused = async (): Promise<never> => {
  throw new Error('not part of this test')
}
const ways: Ways = {
  model: { id: 'm', sha256: '' },
  offer: unused,
  open: () => realEngine(),
  keptChoice: unused,
  keepChoice: unused,
  changed: () => {},
}
const host = new Host(ways)

beforeAll(async () => {
  await host.open('wasm', { signal: new AbortController().signal, progress: () => {} })
  await edit('warm') // the constant prompt is in the cache from here on
}, 60_000)

const edit = (
  text: string,
  priority: EditRequest['priority'] = 'now',
  signal = new AbortController().signal,
) => host.edit({ task: 'fix', text, priority }, signal, clockMs())

test('an urgent edit overtakes a running idle one within a pass; both answers are as if alone', async () => {
  const alone = await edit(LONG)
  expect(alone.receipt.passes).toBeGreaterThan(1)
  const order: string[] = []
  const idle = edit(LONG, 'idle').finally(() => order.push('idle'))
  await breathe()
  const asked = clockMs()
  const urgent = await edit('they is here').finally(() => order.push('urgent'))
  expect(urgent.receipt.queueMs).toBeLessThan(clockMs() - asked)
  const again = await idle
  expect(order).toEqual(['urgent', 'idle'])
  const { text, changes, verdict } = again
  expect({ text, changes, verdict }).toEqual({
    text: alone.text,
    changes: alone.changes,
    verdict: alone.verdict,
  })
  expect(again.receipt.passes).toBe(alone.receipt.passes)
}, 60_000)

test('cancelled after every pass: free again within 50 ms, and the next answer is right', async () => {
  const alone = await edit('they is here')
  const { passes } = (await edit(LONG)).receipt
  const tookMs: number[] = []
  for (let pass = 0; pass < passes - 1; pass++) {
    const abort = new AbortController()
    const running = edit(LONG, 'now', abort.signal)
    running.catch(() => {})
    for (let i = 0; i < pass; i++) await breathe()
    const start = clockMs()
    abort.abort()
    const next = await edit('they is here')
    tookMs.push(next.receipt.queueMs)
    expect(clockMs() - start).toBeGreaterThanOrEqual(next.receipt.queueMs)
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(next.text).toBe(alone.text)
  }
  console.log(
    `cancel to next begin, ${passes - 1} points: at most ${Math.max(...tookMs).toFixed(1)} ms`,
  )
  expect(Math.max(...tookMs)).toBeLessThanOrEqual(50)
}, 120_000)

test('cancelled while its prompt is computed, waiting, or at its end: the next answer is right', async () => {
  const alone = await edit('they is here')
  const tasks = ['formal', 'casual', 'simple', 'rewrite'] as const // more than prefixes are kept
  for (let point = 0; point < 6; point++) {
    const abort = new AbortController()
    const request = { task: tasks[point % 4]!, text: LONG, evenIfPoor: true }
    const running = host.edit(request, abort.signal, clockMs())
    const waiting = host.edit({ task: 'fix', text: LONG }, abort.signal, clockMs())
    for (const one of [running, waiting]) one.catch(() => {})
    for (let i = 0; i < point; i++) await breathe()
    abort.abort(new Error('no more'))
    await expect(running).rejects.toThrow('no more')
    await expect(waiting).rejects.toThrow('no more')
    expect((await edit('they is here')).text).toBe(alone.text)
  }
  const late = new AbortController()
  const done = await edit('they is here', 'now', late.signal)
  late.abort() // nothing is left that could end
  expect(done.text).toBe(alone.text)
  expect((await edit(LONG)).receipt.passes).toBeGreaterThan(1)
}, 120_000)

test('variants: distinct, the first is the edit; a task that is not offered says why', async () => {
  const signal = new AbortController().signal
  const request = { task: 'rewrite' as const, text: LONG, variants: 3, seed: 1 }
  await expect(host.edit(request, signal, clockMs())).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('well changed'),
  })
  const offered = host.where().tasks.filter((task) => task.offered)
  expect(offered.map(({ task }) => task)).toEqual(['fix', 'shorten', 'formal', 'casual', 'simple'])
  const result = await host.edit({ ...request, evenIfPoor: true }, signal, clockMs())
  const texts = result.variants.map((v) => v.text)
  expect(new Set([LONG, ...texts]).size).toBe(texts.length + 1)
  expect(result.text).toBe(texts[0] ?? LONG)
  for (const variant of result.variants) {
    const cut = (text: string, c: { start: number; end: number; replacement: string }) =>
      text.slice(0, c.start) + c.replacement + text.slice(c.end)
    expect(variant.changes.toReversed().reduce(cut, LONG)).toBe(variant.text)
  }
}, 60_000)
