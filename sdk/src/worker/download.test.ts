import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { chunkPlaces } from '../model/chunks.ts'
import { modelOf } from '../testing/fake_server.ts'
import { fetchRun } from './download.ts'

const FILE_URL = 'http://host/tiny.gguf'
const { file, manifest } = await modelOf(100, 10)
const run = chunkPlaces(manifest)

let body: ReadableStreamDefaultController<Uint8Array>
/** Of the request: ends the connection. */
let connection: AbortSignal
let controller: AbortController

beforeEach(() => {
  vi.useFakeTimers()
  controller = new AbortController()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** answers: else not even the headers come. Neither they nor the body heed the request's signal. */
function serve(answers: boolean) {
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    connection = init.signal!
    if (!answers) return new Promise(() => {})
    const stream = new ReadableStream<Uint8Array>({
      start: (started) => {
        body = started
      },
    })
    return Promise.resolve(new Response(stream, { status: 206 }))
  })
}

/** How the download ends: the bytes that came, or why not. */
async function download(pauseMs = 0): Promise<number> {
  let bytes = 0
  const { signal } = controller
  for await (const { chunk } of fetchRun(FILE_URL, run, { signal, onBytes: () => {} })) {
    bytes += chunk.length
    if (pauseMs > 0) await new Promise((done) => setTimeout(done, pauseMs))
  }
  return bytes
}
const outcome = (work: Promise<number>) => work.catch((error: unknown) => error)

test.each([
  ['no headers', false, `${FILE_URL} could not be fetched: no byte for 30 s`],
  ['no byte', true, `the download of ${FILE_URL} broke off at byte 0 of 100: no byte for 30 s`],
])('%s for 30 s: one line, and the connection ends', async (_, answers, message) => {
  serve(answers)
  const ended = outcome(download())
  await vi.advanceTimersByTimeAsync(29_999)
  expect(connection.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(connection.aborted).toBe(true)
  expect(await ended).toMatchObject({ code: 'network', message })
  expect(vi.getTimerCount()).toBe(0)
})

test('it says at which byte; what came before is handed on', async () => {
  serve(true)
  const ended = outcome(download())
  await vi.advanceTimersByTimeAsync(20_000)
  body.enqueue(file.slice(0, 25))
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await ended).toMatchObject({ message: expect.stringContaining('at byte 25 of 100: no') })
})

test('a slow server is waited for, and whoever takes the bytes has his time', async () => {
  serve(true)
  const ended = download(60_000)
  for (let i = 0; i < 100; i += 50) {
    await vi.advanceTimersByTimeAsync(29_000)
    body.enqueue(file.slice(i, i + 50))
    await vi.advanceTimersByTimeAsync(5 * 60_000)
  }
  expect(await ended).toBe(100)
  expect(vi.getTimerCount()).toBe(0)
})

test('an abort ends the connection with its own reason', async () => {
  serve(true)
  const ended = outcome(download())
  await vi.advanceTimersByTimeAsync(1)
  const reason = new Error('not wanted')
  controller.abort(reason)
  expect(connection.reason).toBe(reason)
  body.error(reason)
  expect(await ended).toBe(reason)
  expect(vi.getTimerCount()).toBe(0)
})
