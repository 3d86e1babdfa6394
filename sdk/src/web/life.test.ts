/** What all the drafts' classes share, through the plainest of them. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Nearfield, NearfieldError } from '../index.ts'
import { type Fake, fakeNearfield, stubPage } from '../testing/fake_nearfield.ts'
import { useModel } from './models.ts'
import { Rewriter } from './rewriter.ts'

let fake: Fake
beforeEach(() => {
  stubPage()
  fake = fakeNearfield()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
const loadedOf = (event: Event) => (event as ProgressEvent).loaded

test('progress goes from 0 to 1 and never back; by either way to listen', async () => {
  const seen: number[] = []
  const by: number[] = []
  const own = await Rewriter.create({
    monitor: (m) => {
      m.addEventListener('downloadprogress', (event) => seen.push(loadedOf(event)))
      m.ondownloadprogress = (event) => by.push(event.loaded)
    },
  })
  expect(seen).toEqual([0, 0.5, 1])
  expect(by).toEqual(seen)
  // the second one finds the model open: 0 and 1 are told all the same
  const again: number[] = []
  const other = await Rewriter.create({
    monitor: (m) => m.addEventListener('downloadprogress', (event) => again.push(loadedOf(event))),
  })
  expect([again[0], again.at(-1)]).toEqual([0, 1])
  own.destroy()
  other.destroy()
})

test('objects of one model share it; the last to go closes it; the next opens it anew', async () => {
  const [a, b] = await Promise.all([Rewriter.create(), Rewriter.create()])
  const other = await Rewriter.create({ model: '/models/other/' })
  expect(fake.opened.map(({ model }) => model)).toEqual([
    'http://host/models/smollm2-135m-instruct.q4_1/',
    'http://host/models/other/',
  ])
  other.destroy()
  expect(fake.close).toHaveBeenCalledOnce()
  a.destroy()
  a.destroy()
  await expect(b.rewrite('on')).resolves.toBe('on')
  b.destroy()
  const c = await Rewriter.create()
  expect(fake.opened).toHaveLength(3)
  expect(fake.close).not.toHaveBeenCalled()
  c.destroy()
  expect(fake.close).toHaveBeenCalledOnce()
})

test('a model that the page opened is used, and stays open', async () => {
  const nearfield = await Nearfield.open({ model: '/m/' })
  const own = await Rewriter.create({ nearfield })
  await expect(Rewriter.availability({ nearfield })).resolves.toBe('available')
  expect(fake.opened).toHaveLength(1)
  own.destroy()
  expect(fake.close).not.toHaveBeenCalled()
})

test('a model that was lost is opened anew', async () => {
  fake.state = 'lost'
  const a = await Rewriter.create()
  fake.state = 'ready'
  const b = await Rewriter.create()
  expect(fake.opened).toHaveLength(2)
  a.destroy()
  b.destroy()
})

test('useModel() names the model of those that name none', async () => {
  useModel('/models/mine/')
  const own = await Rewriter.create()
  await Rewriter.availability()
  expect(fake.opened[0]!.model).toBe('http://host/models/mine/')
  expect(Nearfield.availability).toHaveBeenCalledWith({ model: '/models/mine/' })
  useModel('/models/smollm2-135m-instruct.q4_1/')
  own.destroy()
})

test('an abort of create rejects with its reason; the download goes on while another waits', async () => {
  const abort = new AbortController()
  const options = { model: '/models/slow/', signal: abort.signal }
  const [given, kept] = [Rewriter.create(options), Rewriter.create({ model: '/models/slow/' })]
  abort.abort(new Error('changed my mind'))
  await expect(given).rejects.toThrow('changed my mind')
  await expect(Rewriter.create(options)).rejects.toThrow('changed my mind')
  ;(await kept).destroy()
  expect(fake.opened).toHaveLength(1)
  const alone = new AbortController()
  const left = Rewriter.create({ model: '/models/left/', signal: alone.signal })
  await Promise.resolve()
  alone.abort()
  await expect(left).rejects.toMatchObject({ name: 'AbortError' })
  expect(fake.opened[1]!.signal!.aborted).toBe(true)
})

test("the signal of create ends the object later too, with the signal's reason", async () => {
  const abort = new AbortController()
  const own = await Rewriter.create({ signal: abort.signal })
  const running = own.rewrite('a')
  abort.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  await expect(own.rewrite('a')).rejects.toThrow('enough')
  expect(fake.close).toHaveBeenCalledOnce()
})

test('a monitor that throws, and an invalid tag or value, reject before anything is opened', async () => {
  const monitor = () => {
    throw new Error('no')
  }
  await expect(Rewriter.create({ monitor })).rejects.toThrow('no')
  const odd = { expectedInputLanguages: ['not a tag'] }
  await expect(Rewriter.create(odd)).rejects.toBeInstanceOf(RangeError)
  await expect(Rewriter.availability(odd)).rejects.toBeInstanceOf(RangeError)
  await expect(Rewriter.create({ tone: 'rude' as 'as-is' })).rejects.toBeInstanceOf(TypeError)
  expect(fake.opened).toEqual([])
})

test('our errors leave as DOMExceptions of the draft', async () => {
  vi.mocked(Nearfield.open).mockRejectedValueOnce(new NearfieldError('network', 'cut'))
  const error = await Rewriter.create().catch((e: unknown) => e)
  expect(error).toBeInstanceOf(DOMException)
  expect(error).toMatchObject({ name: 'NetworkError', message: 'cut' })
  const own = await Rewriter.create() // a failed download is tried again
  fake.edit = () => {
    throw new NearfieldError('bad_input', 'odd')
  }
  await expect(own.rewrite('a')).rejects.toMatchObject({ name: 'DataError', message: 'odd' })
  own.destroy()
})

test('destroy ends what runs and what comes with an AbortError', async () => {
  const own = await Rewriter.create()
  const running = own.rewrite('a')
  const reader = own.rewriteStreaming('a').getReader()
  own.destroy()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' })
  await expect(own.rewrite('a')).rejects.toMatchObject({ name: 'AbortError' })
  expect(() => own.rewriteStreaming('a')).toThrow('destroy() was called')
  expect(fake.close).toHaveBeenCalledOnce()
})

test('a stream: an abort is its error, a cancel ends the work without one', async () => {
  const own = await Rewriter.create()
  const abort = new AbortController()
  const reader = own.rewriteStreaming('a\nb\nc', { signal: abort.signal }).getReader()
  await expect(reader.read()).resolves.toEqual({ done: false, value: 'a' })
  abort.abort(new Error('enough'))
  await expect(reader.read()).rejects.toThrow('enough')
  const n = fake.edits.length
  const cancelled = own.rewriteStreaming('a\nb\nc').getReader()
  await cancelled.read()
  await cancelled.cancel()
  await new Promise((done) => setTimeout(done, 20))
  expect(fake.edits.length - n).toBeLessThan(3)
  expect(fake.edits.at(-1)!.signal!.aborted).toBe(true)
  own.destroy()
})
