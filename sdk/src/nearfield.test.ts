import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SupersededError } from './error.ts'
import type { GenerateRequest } from './generate.ts'
import { journal } from './journal.ts'
import { Nearfield } from './nearfield.ts'
import type { CallMessage, FromWorker, ToWorker } from './protocol.ts'
import type { EditRequest, EditResult, PrefetchCue, Status } from './types.ts'

const result = (text: string): EditResult => ({
  text,
  verdict: 'changed',
  why: 'ok',
  changes: [{ start: 0, end: 1, replacement: 'A' }],
  variants: [],
  receipt: {
    source: 'device',
    backend: 'wasm',
    backendWhy: 'asked',
    replacedKernels: '',
    model: { id: 'm', sha256: '' },
    adapter: null,
    adapterProblem: '',
    queueMs: 3,
    firstTokenMs: 20,
    totalMs: 38,
    inputTokens: 9,
    cachedTokens: 0,
    outputTokens: 5,
    passes: 2,
    drafted: 4,
    accepted: 3,
    forced: 0,
    bytesSent: 0,
    costUsd: 0,
    why: 'device',
    attempts: [],
  },
})

/** A worker whose edits wait until the test answers them. */
class HandWorker {
  static last: HandWorker
  onmessage: ((event: { data: FromWorker }) => void) | null = null
  onerror = null
  edits: Extract<CallMessage, { name: 'edit' }>[] = []
  /** Everything else but 'open'. */
  calls: CallMessage[] = []
  cancelled: number[] = []
  constructor() {
    HandWorker.last = this
  }
  terminate() {}
  postMessage(message: ToWorker) {
    if (message.kind === 'cancel') this.cancelled.push(message.id)
    if (message.kind !== 'call') return
    if (message.name === 'edit') this.edits.push(message)
    else if (message.name === 'open') this.answer(message.id, { state: 'ready' } as Status)
    else this.calls.push(message)
  }
  answer(id: number, value: unknown) {
    queueMicrotask(() => this.onmessage?.({ data: { kind: 'value', id, value } as FromWorker }))
  }
  finish(i: number, text = 'A') {
    this.answer(this.edits[i]!.id, result(text))
  }
}

beforeEach(() => {
  vi.stubGlobal('Worker', HandWorker)
  vi.stubGlobal('document', { baseURI: 'http://host/' })
})
afterEach(() => vi.unstubAllGlobals())

async function start() {
  const nf = await Nearfield.open({ model: '/m/' })
  const worker = HandWorker.last
  const edit = (text: string, more: Partial<EditRequest> = {}) =>
    nf.edit({ task: 'fix', text, ...more })
  return { nf, worker, edit }
}
const turn = () => new Promise((done) => setTimeout(done))

test('a newer request with the same key ends the older one at once; other keys go on', async () => {
  const { worker, edit } = await start()
  const [older, other, newer] = [
    edit('a', { key: '5' }),
    edit('b', { key: '6' }),
    edit('c', { key: '5' }),
  ]
  await expect(older).rejects.toBeInstanceOf(SupersededError)
  await expect(older).rejects.toMatchObject({ name: 'AbortError' })
  expect(worker.cancelled).toEqual([worker.edits[0]!.id])
  worker.finish(1)
  worker.finish(2, 'C')
  await expect(other).resolves.toMatchObject({ text: 'A' })
  await expect(newer).resolves.toMatchObject({ text: 'C' })
  expect(worker.edits.map(({ args }) => 'key' in args)).toEqual([false, false, false])
})

test('a newer request that is known already ends the older one too', async () => {
  const { worker, edit } = await start()
  const first = edit('b')
  worker.finish(0, 'B')
  await first
  const older = edit('a', { key: '5' })
  await expect(edit('b', { key: '5' })).resolves.toMatchObject({ text: 'B' })
  await expect(older).rejects.toBeInstanceOf(SupersededError)
})

test('a prefetched answer comes without a call, and the receipt says so', async () => {
  const { nf, worker, edit } = await start()
  nf.prefetch([{ text: 'a' }, { text: 'b' }], { task: 'fix', priority: 'next' })
  expect(worker.edits.map(({ args }) => [args.text, args.priority])).toEqual([
    ['a', 'next'],
    ['b', 'next'],
  ])
  worker.finish(0)
  await turn()
  const { receipt, text } = await edit('a')
  expect(worker.edits).toHaveLength(2)
  expect(text).toBe('A')
  expect(receipt).toMatchObject({ why: 'prefetched', totalMs: 0, queueMs: 0, passes: 2 })
})

test('asking for what is being prefetched takes its place', async () => {
  const { nf, worker, edit } = await start()
  nf.prefetch([{ text: 'a' }], { task: 'fix' })
  const asked = edit('a')
  expect(worker.cancelled).toEqual([worker.edits[0]!.id])
  worker.finish(1, 'now')
  await expect(asked).resolves.toMatchObject({ text: 'now', receipt: { why: 'device' } })
  await expect(edit('a')).resolves.toMatchObject({ receipt: { why: 'remembered' } })
})

test('a new prefetch replaces what the last one waits for, and only that', async () => {
  const { nf, worker } = await start()
  nf.prefetch([{ text: 'x' }], { task: 'fix', priority: 'focus' })
  nf.prefetch([{ text: 'a' }, { text: 'b' }], { task: 'fix' })
  nf.prefetch([{ text: 'b' }, { text: 'c' }, { text: 'x' }], { task: 'fix' })
  expect(worker.edits.map(({ args }) => args.text)).toEqual(['x', 'a', 'b', 'c'])
  expect(worker.cancelled).toEqual([worker.edits[1]!.id])
  nf.prefetch([], { task: 'fix' })
  expect(worker.cancelled).toHaveLength(3)
})

test('what an answer depends on makes it another one; what was given back may be changed', async () => {
  const { worker, edit } = await start()
  const first = edit('a')
  worker.finish(0)
  const given = await first
  given.changes.length = 0
  given.receipt.passes = 99
  const again = await edit('a', { key: '1', priority: 'focus', format: 'srt', maxChars: 0 })
  expect(again).toMatchObject({ changes: [{ start: 0 }], receipt: { passes: 2 } })
  for (const more of [
    { maxChars: 9 },
    { maxLines: 1 },
    { maxCps: 9, durationMs: 1000 },
    { format: 'vtt' as const },
    { task: 'shorten' as const },
    { protect: [/a/] },
    { context: { before: 'b' } },
    { variants: 2 },
    { variants: 2, seed: 1 },
  ]) {
    const n = worker.edits.length
    void edit('a', more)
    expect(worker.edits).toHaveLength(n + 1)
  }
})

test('prefetch refuses nothing: what edit() would refuse is left to whoever asks for it', async () => {
  const { nf, worker, edit } = await start()
  const odd = [{ text: 7 }, { text: 'x', protect: [9] }, null] as unknown as PrefetchCue[]
  nf.prefetch([...odd, { text: 'a' }], { task: 'fix' })
  expect(worker.edits.map(({ args }) => args.text)).toEqual(['a'])
  await expect(edit(7 as unknown as string)).rejects.toMatchObject({ code: 'bad_input' })
})

test('variants come one by one, the whole result last', async () => {
  const { nf, worker } = await start()
  const versions = nf.variants({ task: 'casual', text: 'a', n: 2 })
  const first = versions.next()
  await turn()
  expect(worker.edits[0]!.args).toEqual({ task: 'casual', text: 'a', variants: 2 })
  const [one, two] = ['A', 'B'].map((text) => ({ text, changes: [], why: 'ok' }))
  worker.answer(worker.edits[0]!.id, { ...result('A'), variants: [one, two] })
  await expect(first).resolves.toEqual({ done: false, value: one })
  await expect(versions.next()).resolves.toEqual({ done: false, value: two })
  await expect(versions.next()).resolves.toMatchObject({
    done: true,
    value: { verdict: 'changed', receipt: { passes: 2 } },
  })
})

test('a status that changes by itself is told, and is the one from then on', async () => {
  const told: string[] = []
  const nf = await Nearfield.open({ model: '/m/', onStatus: (s) => told.push(s.backend) })
  const status = { ...nf.status, backend: 'webgpu' } as Status
  HandWorker.last.onmessage?.({ data: { kind: 'status', status } })
  expect(nf.status).toBe(status)
  expect(told).toEqual(['webgpu'])
})

test('what was given up or failed is not remembered', async () => {
  const { nf, worker, edit } = await start()
  const abort = new AbortController()
  const given = edit('a', { signal: abort.signal })
  abort.abort()
  await expect(given).rejects.toMatchObject({ name: 'AbortError' })
  worker.finish(0, 'late')
  await turn()
  const again = edit('a')
  expect(worker.edits).toHaveLength(2)
  worker.finish(1)
  await expect(again).resolves.toMatchObject({ receipt: { why: 'device' } })
  nf.close()
  await expect(edit('a')).rejects.toMatchObject({ code: 'closed' })
})

test('a text comes in pieces and whole; what is no message never leaves the page', async () => {
  const { nf, worker } = await start()
  const heard: string[] = []
  const messages = [{ role: 'user' as const, content: 'hello' }]
  const text = nf.generate({ messages, temperature: 0.5, onText: (piece) => heard.push(piece) })
  await turn()
  const call = worker.calls.at(-1)!
  expect(call).toMatchObject({ name: 'generate', args: { messages, temperature: 0.5 } })
  worker.onmessage?.({ data: { kind: 'piece', id: call.id, piece: 'hi' } })
  worker.answer(call.id, { text: 'hi', end: 'model' })
  await expect(text).resolves.toEqual({ text: 'hi', end: 'model' })
  expect(heard).toEqual(['hi'])
  const n = worker.calls.length
  const odd = [{ messages: [{ role: 'tool', content: '' }] }, { messages: [{ role: 'user' }] }]
  for (const request of [...odd, { messages, seed: Number.NaN }]) {
    const refused = nf.generate(request as GenerateRequest)
    await expect(refused).rejects.toMatchObject({ code: 'bad_input' })
  }
  expect(worker.calls).toHaveLength(n)
})

test('chat.completions runs on generate()', async () => {
  const { nf, worker } = await start()
  const answer = nf.chat.completions.create({ messages: [{ role: 'user', content: 'hello' }] })
  await vi.waitFor(() => expect(worker.calls.at(-1)?.name).toBe('generate'))
  const receipt = { inputTokens: 1, cachedTokens: 0, outputTokens: 1 }
  worker.answer(worker.calls.at(-1)!.id, { text: 'hi', end: 'model', receipt })
  const { choices } = await answer
  expect(choices[0]).toMatchObject({ message: { content: 'hi' }, finish_reason: 'stop' })
})

test('without a server an edit for the cloud alone is none, and the ledger counts the device', async () => {
  const { nf, worker, edit } = await start()
  await expect(edit('a', { mode: 'only_in_cloud' })).rejects.toMatchObject({ code: 'unsupported' })
  expect(worker.edits).toEqual([])
  const [first, second] = [edit('a', { mode: 'prefer_in_cloud', deadlineMs: 5 }), edit('b')]
  expect(worker.edits.map(({ args }) => Object.keys(args))).toEqual([
    ['task', 'text'],
    ['task', 'text'],
  ])
  worker.finish(0)
  await first
  const line = { code: 'no_memory', message: 'full' } as const
  worker.onmessage?.({ data: { kind: 'failure', id: worker.edits[1]!.id, error: line } })
  await expect(second).rejects.toMatchObject({ code: 'no_memory' })
  await edit('a')
  const sums = nf.ledger()
  expect([sums.device, sums.failed]).toEqual([{ edits: 2, ms: 38 }, 1])
  sums.device.edits = 9
  expect(nf.ledger().device.edits).toBe(2)
})

test('the report never rejects: without its code it is one line', async () => {
  vi.doMock('./report.ts', () => {
    throw new TypeError(
      'Failed to fetch dynamically imported module: http://host/report.js?key=abc',
    )
  })
  const { nf } = await start()
  const line = 'no report: its code could not be fetched'
  expect(await nf.report()).toBe(line)
  expect(await Nearfield.report()).toBe(line)
  vi.doUnmock('./report.ts')
})

test('the report tells how calls ended, whether or not a model is open, and no text of them', async () => {
  journal.length = 0
  const { nf, worker, edit } = await start()
  const answered = edit('they is a secret')
  await turn()
  worker.finish(0, 'They are a secret')
  await answered
  const aborted = new AbortController()
  const ended = edit('another secret', { signal: aborted.signal })
  ended.catch(() => {})
  aborted.abort(new Error('a secret reason'))
  await expect(ended).rejects.toThrow('a secret reason')
  const text = await nf.report()
  expect(text).toMatch(/open: ok$/m)
  expect(text).toMatch(/edit: device wasm, 38 ms \(queue 3\.0 ms, first 20 ms\)/)
  expect(text).toMatch(/edit: Error$/m)
  expect(text).not.toContain('secret')
  const failing = Nearfield.open({ model: 'http://[' })
  await expect(failing).rejects.toMatchObject({ code: 'bad_input' })
  expect(await Nearfield.report()).toMatch(/open: bad_input: model: 'http:\/\/\[' is not a URL/)
  for (let i = 0; i < 50; i++) await edit('they is a secret')
  expect(journal).toHaveLength(20)
})

test('an edit for the cloud alone is not answered from memory without a server', async () => {
  const { worker, edit } = await start()
  const first = edit('a')
  worker.finish(0)
  await first
  await expect(edit('a', { mode: 'only_in_cloud' })).rejects.toMatchObject({ code: 'unsupported' })
})
