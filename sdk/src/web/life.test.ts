/// <reference types="node" />
/** What all the drafts' classes share, through the plainest of them. */
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Nearfield, NearfieldError } from '../index.ts'
import { all, type Fake, fakeNearfield, stubPage } from '../testing/fake_nearfield.ts'
import { reported } from '../testing/reported.ts'
import type { DownloadMonitor } from './life.ts'
import { setModel } from './models.ts'
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

test('a handler hears the event at its monitor, and what it throws is no fault of create()', async () => {
  const heard: unknown[] = []
  let monitor: EventTarget | null = null
  const seen = await reported(async () => {
    const own = await Rewriter.create({
      monitor: (m) => {
        monitor = m
        m.ondownloadprogress = (event) => {
          heard.push(event.target)
          throw new Error('odd')
        }
      },
    })
    own.destroy()
  })
  expect(heard).toEqual([monitor, monitor, monitor])
  expect(seen.map(String)).toEqual(['Error: odd', 'Error: odd', 'Error: odd'])
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

test('setModel() names the model of those that name none', async () => {
  setModel('/models/mine/')
  const own = await Rewriter.create()
  await Rewriter.availability()
  expect(fake.opened[0]!.model).toBe('http://host/models/mine/')
  expect(Nearfield.availability).toHaveBeenCalledWith({ model: '/models/mine/' })
  setModel('/models/smollm2-135m-instruct.q4_1/')
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

test('an abort by the monitor rejects, and opens nothing', async () => {
  const nearfield = await Nearfield.open({ model: '/m/' })
  for (const how of [{}, { nearfield }]) {
    const abort = new AbortController()
    const monitor = () => abort.abort(new Error('no'))
    await expect(Rewriter.create({ ...how, signal: abort.signal, monitor })).rejects.toThrow('no')
  }
  expect(fake.opened).toHaveLength(1)
})

test.each([0, 0.5])('an abort at progress %d rejects, and releases the model', async (at) => {
  const abort = new AbortController()
  const given = Rewriter.create({
    model: `/models/${at}/`,
    signal: abort.signal,
    monitor: (m) => {
      m.ondownloadprogress = ({ loaded }) => {
        if (loaded === at) abort.abort(new Error('no'))
      }
    },
  })
  await expect(given).rejects.toThrow('no')
  const [opened] = fake.opened
  expect(opened === undefined || opened.signal!.aborted).toBe(true)
})

test('an abort as the model is ready rejects, and releases it', async () => {
  const open = vi.mocked(Nearfield.open).getMockImplementation()!
  vi.mocked(Nearfield.open).mockImplementation(({ onProgress: _, ...how }) => open(how))
  const nearfield = await Nearfield.open({ model: '/m/' })
  for (const how of [{}, { nearfield }]) {
    const abort = new AbortController()
    const monitor = (m: DownloadMonitor) => {
      m.ondownloadprogress = ({ loaded }) => loaded === 1 && abort.abort(new Error('no'))
    }
    await expect(Rewriter.create({ ...how, signal: abort.signal, monitor })).rejects.toThrow('no')
  }
  expect(fake.opened).toHaveLength(2)
  expect(fake.close).toHaveBeenCalledOnce()
})

test('one that comes later and aborts at the progress so far does not wait for the model', async () => {
  const model = '/models/shared/'
  const ended: string[] = []
  await new Promise<void>((second) => {
    const first = Rewriter.create({
      model,
      monitor: (m) => {
        m.ondownloadprogress = ({ loaded }) => loaded === 0.5 && second()
      },
    })
    first.then((own) => {
      ended.push('first')
      own.destroy()
    })
  })
  const abort = new AbortController()
  const monitor = (m: EventTarget) =>
    m.addEventListener('downloadprogress', (event) => {
      if (loadedOf(event) === 0.5) abort.abort(new Error('no'))
    })
  await expect(Rewriter.create({ model, signal: abort.signal, monitor })).rejects.toThrow('no')
  expect(ended).toEqual([])
  await vi.waitFor(() => expect(ended).toEqual(['first']))
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

test('calls that are over leave no listener: it would keep their signals until destroy()', async () => {
  const any = vi.spyOn(AbortSignal, 'any')
  const own = await Rewriter.create()
  await own.rewrite('a')
  await own.measureInputUsage('a')
  await all(own.rewriteStreaming('a'))
  const cancelled = own.rewriteStreaming('a\nb').getReader()
  await cancelled.cancel()
  fake.edit = () => {
    throw new NearfieldError('bad_input', 'odd')
  }
  await expect(own.rewrite('a')).rejects.toThrow('odd')
  await expect(all(own.rewriteStreaming('a'))).rejects.toThrow('odd')
  const signals = any.mock.results.map(({ value }) => value as AbortSignal)
  expect(signals).toHaveLength(6 + 3) // a stream has two
  const left = () => signals.flatMap((signal) => getEventListeners(signal, 'abort'))
  await vi.waitFor(() => expect(left()).toEqual([]))
  own.destroy()
})

test('destroy leaves what a stream that has ended still holds', async () => {
  const own = await Rewriter.create()
  const stream = own.rewriteStreaming('a\nb')
  await vi.waitFor(() => expect(fake.edits).toHaveLength(2))
  await new Promise((done) => setTimeout(done, 20))
  own.destroy()
  expect((await all(stream)).join('')).toBe('a\nb')
})
