/** A server's edits over a fetch that the test answers; tests/server/sdk_client.test.mjs has the real one. */
import { expect, test } from 'vitest'
import type { EditArgs } from '../protocol.ts'
import { ServerEdits } from './client.ts'
import { ServerError } from './error.ts'

const args: EditArgs = { task: 'fix', text: 'she go', variants: 2, priority: 'now' }
const version = {
  text: 'She goes',
  changes: [
    { start: 0, end: 1, replacement: 'S' },
    { start: 6, end: 6, replacement: 'es' },
  ],
  why: 'ok',
}
const receipt = {
  source: 'server',
  backend: 'native',
  model: { id: 'm', sha256: 'ab' },
  queueMs: 1,
  firstTokenMs: 2,
  totalMs: 3,
  inputTokens: 4,
  cachedTokens: 0,
  outputTokens: 5,
  passes: 2,
  drafted: 3,
  accepted: 2,
  forced: 0,
  bytesSent: 0,
  costUsd: 0,
  why: 'server',
}
const good = { ...version, verdict: 'changed', variants: [version], receipt }
const signal = () => new AbortController().signal

type Reply = () => Response | Promise<Response>
function client(reply: Reply, more: { token?: string; model?: string } = {}) {
  const sent: { url: string; init: RequestInit }[] = []
  const fetch = async (url: string | URL | Request, init: RequestInit = {}) => {
    sent.push({ url: String(url), init })
    return reply()
  }
  const edits = new ServerEdits({ url: 'http://host/v1/', fetch, ...more })
  return { sent, edit: (given = args, by = signal()) => edits.edit(given, by) }
}
const json = (value: unknown, init?: ResponseInit) => () =>
  new Response(JSON.stringify(value), init)
const failed = async (reply: Reply, given = args) => {
  const error: unknown = await client(reply)
    .edit(given)
    .catch((e: unknown) => e)
  expect(error).toBeInstanceOf(ServerError)
  expect((error as Error).message).toMatch(/^http:\/\/host\/v1\/edit: [^\n]+$/)
  return error as ServerError
}

test('the request is the edit, and the answer says what was sent', async () => {
  const { sent, edit } = client(json(good), { token: 'secret', model: 'm' })
  const result = await edit({ ...args, adapter: null })
  const [{ url, init }] = sent as [(typeof sent)[0]]
  expect(url).toBe('http://host/v1/edit')
  expect(init).toMatchObject({ method: 'POST', redirect: 'manual' })
  const body = new TextDecoder().decode(init.body as Uint8Array)
  expect(JSON.parse(body)).toEqual({ ...args, adapter: null, model: 'm' })
  expect((init.headers as Headers).get('authorization')).toBe('Bearer secret')
  expect((init.headers as Headers).get('content-type')).toBe('application/json')
  expect(result).toMatchObject({ text: 'She goes', verdict: 'changed', variants: [version] })
  expect(result.receipt).toMatchObject({
    source: 'server',
    backend: 'native',
    bytesSent: body.length,
    totalMs: 3,
    adapter: null,
    adapterProblem: '',
    attempts: [{ source: 'server', backend: 'native', outcome: 'ok' }],
  })
})

test.each<[number, HeadersInit, object]>([
  [429, { 'retry-after': '2' }, { failure: 'busy', code: 'network', retryAfterMs: 2000 }],
  [503, { 'retry-after': 'soon' }, { failure: 'busy', retryAfterMs: null }],
  [503, { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, { failure: 'busy', retryAfterMs: 0 }],
  [500, {}, { failure: 'server', code: 'network' }],
  [504, {}, { failure: 'server', code: 'network' }],
  [400, {}, { failure: 'refused', code: 'bad_input' }],
  [413, {}, { failure: 'refused', code: 'bad_input' }],
  [401, {}, { failure: 'refused', code: 'unsupported' }],
  [404, {}, { failure: 'refused', code: 'unsupported' }],
  [302, { location: 'http://elsewhere/' }, { failure: 'redirected', code: 'network' }],
])('%i %j', async (status, headers, expected) => {
  const error = await failed(json({ error: { message: 'too\nmuch' } }, { status, headers }))
  expect(error).toMatchObject({ status, ...expected })
  if (status !== 302) expect(error.message).toMatch(/: \d+: too much$/)
  await failed(() => new Response('<html>', { status, headers })) // no JSON: no message, no throw
})

test.each<[string, unknown]>([
  ['no JSON', '{"text"'],
  ['cut in the middle', JSON.stringify(good).slice(0, -9)],
  ['another shape', { choices: [] }],
  ['a list', []],
  ['no verdict', { ...good, verdict: 'fine' }],
  ['another text than its changes make', { ...good, text: 'She went' }],
  ['changes out of order', { ...good, changes: good.changes.toReversed() }],
  ['a change beyond the text', { ...good, changes: [{ start: 0, end: 99, replacement: '' }] }],
  ['a change of no text', { ...good, changes: [{ start: 0, end: 1 }] }],
  ['unchanged, and another text', { ...good, verdict: 'unchanged' }],
  ['more variants than asked for', { ...good, variants: [version, version, version] }],
  ['a variant that is none', { ...good, variants: [{ ...version, text: 'x' }] }],
  ['no receipt', { ...good, receipt: null }],
  ['an adapter of no name', { ...good, receipt: { ...receipt, adapter: { sha256: 'ab' } } }],
  ['a problem that is no text', { ...good, receipt: { ...receipt, adapterProblem: {} } }],
  ['a receipt without counts', { ...good, receipt: { ...receipt, passes: '2' } }],
  ['a negative cost', { ...good, receipt: { ...receipt, costUsd: -1 } }],
  ['a device that answers for the server', { ...good, receipt: { ...receipt, backend: 'webgpu' } }],
  ['over a MB', { ...good, why: 'x'.repeat(2 ** 20) }],
])('an answer that is none: %s', async (_, value) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const error = await failed(() => new Response(text))
  expect(error).toMatchObject({ failure: 'invalid', code: 'network', status: 200 })
})

test('an answer that lost what was protected is none', async () => {
  const error = await failed(json(good), { ...args, protect: ['she', ''] })
  expect(error).toMatchObject({
    failure: 'invalid',
    message: expect.stringMatching(/'she' was lost/),
  })
  expect(await client(json(good)).edit({ ...args, protect: ['go'] })).toMatchObject(version)
})

test('no answer, and one that breaks off', async () => {
  const none = await failed(() => Promise.reject(new TypeError('fetch failed')))
  expect(none).toMatchObject({ failure: 'network', code: 'network', status: null })
  const cut = new ReadableStream<Uint8Array>({
    start: (to) => to.enqueue(new TextEncoder().encode('{"text":')),
    pull: (to) => to.error(new TypeError('terminated')),
  })
  const broken = await failed(() => new Response(cut))
  expect(broken).toMatchObject({ failure: 'network', status: 200 })
})

test('an abort is the signal’s reason, before, waiting and reading', async () => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const { edit } = client(
    () =>
      new Promise((_, reject) => {
        abort.signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))
      }),
  )
  const waiting = edit(args, abort.signal)
  abort.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  const { sent, edit: late } = client(json(good))
  await expect(late(args, abort.signal)).rejects.toBe(reason)
  expect(sent).toEqual([])
  const second = new AbortController()
  const body = new ReadableStream<Uint8Array>({
    pull: (to) => {
      second.abort(reason)
      to.error(new DOMException('', 'AbortError'))
    },
  })
  await expect(client(() => new Response(body)).edit(args, second.signal)).rejects.toBe(reason)
})

test('what tuned the answer is told, and left out of a request that names none', async () => {
  const tuned = { ...receipt, adapter: { name: 'fix', sha256: 'ab' }, adapterProblem: '' }
  const { sent, edit } = client(json({ ...good, receipt: tuned }))
  expect((await edit()).receipt.adapter).toEqual({ name: 'fix', sha256: 'ab' })
  const body = new TextDecoder().decode(sent[0]?.init.body as Uint8Array)
  expect(JSON.parse(body)).toEqual(args)
})

test('an adapter of the page is not sent', async () => {
  const { sent, edit } = client(json(good))
  const adapter = { sha256: 'a', name: 'mine', task: null, bytes: 1 }
  const refused = edit({ ...args, adapter })
  await expect(refused).rejects.toMatchObject({ failure: 'refused', code: 'unsupported' })
  expect(sent).toEqual([])
})

test('a body that is no async iterable is read, and left where it is too long', async () => {
  const of = (body: ReadableStream<Uint8Array>) => () => {
    const response = new Response(body)
    Object.defineProperty(response.body, Symbol.asyncIterator, { value: undefined })
    return response
  }
  const bytes = new TextEncoder().encode(JSON.stringify(good))
  const halves = new ReadableStream<Uint8Array>({
    start(to) {
      to.enqueue(bytes.slice(0, 9))
      to.enqueue(bytes.slice(9))
      to.close()
    },
  })
  expect(await client(of(halves)).edit()).toMatchObject({ text: 'She goes' })
  let left = false
  const endless = new ReadableStream<Uint8Array>({
    pull: (to) => to.enqueue(new Uint8Array(2 ** 18)),
    cancel: () => {
      left = true
    },
  })
  expect(await failed(of(endless))).toMatchObject({ failure: 'invalid' })
  expect(left).toBe(true)
})
