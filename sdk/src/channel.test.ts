import { expect, test, vi } from 'vitest'
import { Channel, type WorkerLike } from './channel.ts'
import type { GenerateResult } from './generate.ts'
import { packStrings } from './pack.ts'
import type { FromWorker, ToWorker } from './protocol.ts'

class FakeWorker implements WorkerLike {
  sent: ToWorker[] = []
  terminated = false
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null = null
  onerror: ((event: ErrorEvent) => void) | null = null
  postMessage(message: ToWorker) {
    this.sent.push(message)
  }
  terminate() {
    this.terminated = true
  }
  answer(message: FromWorker) {
    this.onmessage?.({ data: message } as MessageEvent<FromWorker>)
  }
}

function pair() {
  const worker = new FakeWorker()
  return { worker, channel: new Channel(worker) }
}
const nothing = new Float64Array(0)
const call = (channel: Channel, signal?: AbortSignal) =>
  channel.call('measure', { texts: packStrings(['a']), format: 'srt' }, signal ? { signal } : {})

test('answers find their calls whatever their order', async () => {
  const { worker, channel } = pair()
  const first = call(channel)
  const second = call(channel)
  worker.answer({ kind: 'value', id: 2, value: nothing })
  worker.answer({ kind: 'failure', id: 1, error: { code: 'bad_input', message: 'line 3: no' } })
  await expect(second).resolves.toBe(nothing)
  await expect(first).rejects.toMatchObject({
    name: 'NearfieldError',
    code: 'bad_input',
    message: 'line 3: no',
  })
})

test('progress goes to its call only', async () => {
  const { worker, channel } = pair()
  const seen: number[] = []
  const opened = channel.call(
    'open',
    { model: 'm', threads: null, backend: 'auto' },
    { onProgress: (p) => seen.push(p.loaded) },
  )
  worker.answer({ kind: 'progress', id: 1, progress: { loaded: 0, total: 9, stage: 'download' } })
  worker.answer({ kind: 'progress', id: 7, progress: { loaded: 5, total: 9, stage: 'download' } })
  worker.answer({ kind: 'failure', id: 1, error: { code: 'network', message: 'cut' } })
  await expect(opened).rejects.toMatchObject({ code: 'network' })
  expect(seen).toEqual([0])
})

test('pieces of a text go to its call, before the value', async () => {
  const { worker, channel } = pair()
  const heard: string[] = []
  const text = channel.call('generate', { messages: [] }, { onPiece: (piece) => heard.push(piece) })
  for (const id of [1, 7, 1]) worker.answer({ kind: 'piece', id, piece: `to ${id}` })
  const value = { text: 'to 1to 1', end: 'model' } as GenerateResult
  worker.answer({ kind: 'value', id: 1, value })
  worker.answer({ kind: 'piece', id: 1, piece: 'late' })
  await expect(text).resolves.toBe(value)
  expect(heard).toEqual(['to 1', 'to 1'])
})

test('abort rejects at once with the reason, tells the worker, and ignores a late answer', async () => {
  const { worker, channel } = pair()
  const controller = new AbortController()
  const running = call(channel, controller.signal)
  const reason = new Error('typed on')
  controller.abort(reason)
  await expect(running).rejects.toBe(reason)
  expect(worker.sent.at(-1)).toEqual({ kind: 'cancel', id: 1 })
  worker.answer({ kind: 'value', id: 1, value: nothing })
})

test('an aborted signal sends nothing', async () => {
  const { worker, channel } = pair()
  await expect(call(channel, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
  expect(worker.sent).toEqual([])
})

test('an abort after the answer does nothing', async () => {
  const { worker, channel } = pair()
  const controller = new AbortController()
  const running = call(channel, controller.signal)
  worker.answer({ kind: 'value', id: 1, value: nothing })
  await running
  controller.abort()
  expect(worker.sent).toHaveLength(1)
})

test('close: what runs rejects with AbortError, what comes later is closed', async () => {
  const { worker, channel } = pair()
  const running = call(channel)
  channel.close()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  await expect(call(channel)).rejects.toMatchObject({ code: 'closed' })
  expect(worker.terminated).toBe(true)
})

test('a trap ends the worker: the engine may not run on', async () => {
  const { worker, channel } = pair()
  let lost = 0
  channel.onLost = () => lost++
  const running = [call(channel), call(channel)]
  worker.answer({ kind: 'failure', id: 1, error: { code: 'lost', message: 'unreachable' } })
  for (const each of running) await expect(each).rejects.toMatchObject({ code: 'lost' })
  await expect(call(channel)).rejects.toMatchObject({ code: 'lost' })
  expect([worker.terminated, lost]).toEqual([true, 1])
})

test('a worker that fails loses its calls and says why', async () => {
  const { worker, channel } = pair()
  const lost: string[] = []
  channel.onLost = (error) => lost.push(error.message)
  const running = call(channel)
  worker.onerror?.({ message: 'out of memory' } as ErrorEvent)
  await expect(running).rejects.toMatchObject({
    code: 'lost',
    message: expect.stringContaining('out of memory'),
  })
  await expect(call(channel)).rejects.toMatchObject({ code: 'lost' })
  expect(lost).toHaveLength(1)
})

test('an argument that no worker can be given is refused in one line, and nothing waits', async () => {
  const { worker, channel } = pair()
  worker.postMessage = (message) => void structuredClone(message)
  const texts = { ...packStrings([]), chars: (() => '') as unknown as string }
  await expect(channel.call('measure', { texts, format: 'srt' })).rejects.toMatchObject({
    name: 'NearfieldError',
    code: 'bad_input',
    message: 'measure: an argument cannot be sent to a worker',
  })
  channel.close()
})

test('storage that lasts is asked for, and the worker is told when it was granted', async () => {
  for (const granted of [true, false]) {
    const { worker } = pair()
    const persist = vi.fn(async () => granted)
    vi.stubGlobal('navigator', { storage: { persist } })
    worker.answer({ kind: 'kept' })
    await persist.mock.results[0]!.value
    await Promise.resolve()
    expect(worker.sent).toEqual(granted ? [{ kind: 'persisted' }] : [])
  }
  vi.stubGlobal('navigator', { storage: {} }) // not every browser has it
  pair().worker.answer({ kind: 'kept' })
  vi.unstubAllGlobals()
})
