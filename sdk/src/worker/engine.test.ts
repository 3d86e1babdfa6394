/// <reference types="node" />
/** Host and engine over the real wasm module and model, one thread, in node: who runs when. */
import { beforeAll, expect, test } from 'vitest'
import type { GenerateArgs } from '../generate.ts'
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

test('a text: streamed as it becomes certain, the same again by its seed, ended by a stop', async () => {
  const { signal } = new AbortController()
  const messages = [{ role: 'user' as const, content: 'Name three colours.' }]
  const say = async (more: Partial<GenerateArgs> = {}) => {
    const heard: string[] = []
    const asked = { messages, maxTokens: 24, ...more }
    const result = await host.generate(asked, signal, clockMs(), (piece) => heard.push(piece))
    expect(heard.join('')).toBe(result.text)
    return { ...result, heard }
  }
  const before = (await edit('they is here')).text
  const greedy = await say()
  expect(greedy.heard.length).toBeGreaterThan(5)
  expect(greedy.receipt).toMatchObject({ source: 'device', backend: 'wasm', outputTokens: 24 })
  expect(greedy.end).toBe('length')
  const { tokens, context } = await host.tokens(messages, signal)
  expect(greedy.receipt.inputTokens).toBe(tokens)
  expect(context).toBe(1024)
  const sampled = { temperature: 1, topP: 0.9, repeatPenalty: 1.1 }
  const [one, same, other] = [
    await say({ ...sampled, seed: 5 }),
    await say({ ...sampled, seed: 5 }),
    await say({ ...sampled, seed: 6 }),
  ]
  expect(same.text).toBe(one.text)
  expect(other.text).not.toBe(one.text)
  const stop = greedy.text.slice(5, 9)
  const stopped = await say({ stop: [stop] })
  expect(stopped).toMatchObject({ end: 'stop', text: greedy.text.split(stop)[0] })
  // an open turn of the assistant's is gone on with
  const open = { role: 'assistant' as const, content: greedy.text.slice(0, 5) }
  expect((await say({ messages: [...messages, open], maxTokens: 8 })).text).not.toBe('')
  // and an edit comes out as it did before
  expect((await edit('they is here')).text).toBe(before)
}, 120_000)

test('an edit overtakes a text that is less urgent; the text is the same', async () => {
  const { signal } = new AbortController()
  const request = {
    messages: [{ role: 'user' as const, content: 'Tell a story.' }],
    maxTokens: 16,
    temperature: 0.8,
  }
  const alone = await host.generate(request, signal, clockMs(), () => {})
  const order: string[] = []
  const heard: string[] = []
  const text = host
    .generate({ ...request, priority: 'idle' }, signal, clockMs(), (piece) => heard.push(piece))
    .finally(() => order.push('text'))
  for (let i = 0; i < 4; i++) await breathe()
  await edit('they is here').finally(() => order.push('edit'))
  expect((await text).text).toBe(alone.text)
  expect(order).toEqual(['edit', 'text'])
  expect(heard.join('')).toBe(alone.text)
}, 120_000)

test('a prompt that does not fit is counted and refused', async () => {
  const { signal } = new AbortController()
  const messages = [{ role: 'user' as const, content: 'word '.repeat(1100) }]
  expect((await host.tokens(messages, signal)).tokens).toBeGreaterThan(1100)
  const refused = host.generate({ messages }, signal, clockMs(), () => {})
  await expect(refused).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringMatching(/1024 tokens/),
  })
  await expect(host.tokens([], signal)).rejects.toMatchObject({ code: 'bad_input' })
}, 60_000)
