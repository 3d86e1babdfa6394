// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HttpJobs } from './client'
import type { JobError } from './problem'

/** What the page asks of XMLHttpRequest; the test answers. */
class FakeRequest {
  static last: FakeRequest
  readonly upload: { onprogress: ((event: { loaded: number }) => void) | null } = {
    onprogress: null,
  }
  readonly headers: Record<string, string> = {}
  onload: () => void = () => undefined
  onerror: () => void = () => undefined
  onabort: () => void = () => undefined
  onloadend: () => void = () => undefined
  opened = ''
  body: Blob = new Blob()
  status = 0
  responseText = ''
  fields: Record<string, string> = {}

  constructor() {
    FakeRequest.last = this
  }
  open(method: string, url: string): void {
    this.opened = `${method} ${url}`
  }
  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value
  }
  getResponseHeader(name: string): string | null {
    return this.fields[name] ?? null
  }
  send(body: Blob): void {
    this.body = body
  }
  abort(): void {
    this.onabort()
    this.onloadend()
  }
  answer(status: number, fields: Record<string, string>, text = ''): void {
    Object.assign(this, { status, fields, responseText: text })
    this.onload()
    this.onloadend()
  }
}

const asked: { url: string; method: string | undefined; headers: Headers }[] = []
let reply = () => new Response(null, { status: 204 })

beforeEach(() => {
  asked.length = 0
  vi.stubGlobal('XMLHttpRequest', FakeRequest)
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    asked.push({ url, method: init.method, headers: new Headers(init.headers) })
    return reply()
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  sessionStorage.clear()
})

const never = new AbortController().signal
const file = new Blob(['0123456789'])

describe('the requests', () => {
  it('create, ask and drop carry the version and the token', async () => {
    const client = new HttpJobs()
    client.setToken('secret')
    reply = () => new Response(null, { status: 201, headers: { Location: '/v1/uploads/0af3' } })
    expect(await client.tus.create(10)).toBe('0af3')
    reply = () => new Response(null, { status: 200, headers: { 'Upload-Offset': '7' } })
    expect(await client.tus.offset('0af3', never)).toBe(7)
    reply = () => new Response(null, { status: 204 })
    await client.tus.drop('0af3')
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /v1/uploads',
      'HEAD /v1/uploads/0af3',
      'DELETE /v1/uploads/0af3',
    ])
    expect(asked[0]?.headers.get('Upload-Length')).toBe('10')
    for (const { headers } of asked) {
      expect(headers.get('Tus-Resumable')).toBe('1.0.0')
      expect(headers.get('Authorization')).toBe('Bearer secret')
    }
  })

  it('an address of a proxy in front is as good; an answer that says nothing is not', async () => {
    const { tus } = new HttpJobs()
    const at = (headers: Record<string, string>) => () => new Response(null, { headers })
    reply = at({ Location: 'https://subs.example/v1/uploads/0af3' })
    expect(await tus.create(10)).toBe('0af3')
    reply = at({ Location: 'https://subs.example/login?x' })
    await expect(tus.create(10)).rejects.toMatchObject({ status: 502, passes: true })
    for (const field of ['', '-1', '1e3', '7 8']) {
      reply = at({ 'Upload-Offset': field })
      await expect(tus.offset('0af3', never)).rejects.toMatchObject({ status: 502 })
    }
  })

  it('what is refused keeps its status, line and wait', async () => {
    const { tus } = new HttpJobs()
    reply = () => new Response('{"error":"over upload_mb_max"}', { status: 413 })
    await expect(tus.create(10)).rejects.toMatchObject({
      status: 413,
      message: 'over upload_mb_max',
    })
    reply = () => new Response(null, { status: 423, headers: { 'Retry-After': '1' } })
    await expect(tus.offset('0af3', never)).rejects.toMatchObject({
      status: 423,
      retryAfterMs: 1000,
      passes: true,
    })
  })
})

describe('PATCH', () => {
  const append = (offset: number, signal = never) => {
    const sent: number[] = []
    const end = new HttpJobs().tus.append('0af3', file, offset, (bytes) => sent.push(bytes), signal)
    end.catch(() => undefined)
    return { end, sent, request: FakeRequest.last }
  }

  it('sends the bytes from the offset on, and tells how far it is in the file', async () => {
    const { end, sent, request } = append(4)
    expect(request.opened).toBe('PATCH /v1/uploads/0af3')
    expect(request.headers).toMatchObject({
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': '4',
      'Content-Type': 'application/offset+octet-stream',
    })
    expect(await request.body.text()).toBe('456789')
    request.upload.onprogress?.({ loaded: 2 })
    request.answer(204, { 'Upload-Offset': '10' })
    expect(await end).toBe(10)
    expect(sent).toEqual([6])
  })

  it('a refusal is said as the server says it', async () => {
    const { end, request } = append(0)
    request.answer(507, {}, '{"error":"no space left for the upload"}')
    await expect(end).rejects.toMatchObject({
      status: 507,
      message: 'no space left for the upload',
    })
  })

  it('a broken connection passes; what the person cancels does not', async () => {
    const broken = append(0)
    broken.request.onerror()
    await expect(broken.end).rejects.toMatchObject({ status: 0, passes: true })
    const abort = new AbortController()
    const { end } = append(0, abort.signal)
    abort.abort('enough')
    await expect(end).rejects.toBe('enough')
    await expect(append(0, AbortSignal.abort('before')).end).rejects.toBe('before')
  })

  it('a minute without a byte is a broken connection; a byte starts the minute anew', async () => {
    vi.useFakeTimers()
    const { end, request } = append(0)
    let error: JobError | null = null
    end.catch((why: JobError) => {
      error = why
    })
    await vi.advanceTimersByTimeAsync(59_000)
    request.upload.onprogress?.({ loaded: 1 })
    await vi.advanceTimersByTimeAsync(59_000)
    expect(error).toBeNull()
    await vi.advanceTimersByTimeAsync(1000)
    expect(error).toMatchObject({ status: 0 })
  })
})
