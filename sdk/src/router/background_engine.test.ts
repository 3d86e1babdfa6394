import { expect, test } from 'vitest'
import type { Channel } from '../channel.ts'
import { NearfieldError } from '../error.ts'
import { ManualClock } from '../testing/manual_clock.ts'
import type { Status } from '../types.ts'
import { BackgroundEngine } from './background_engine.ts'

const READY = { state: 'ready', backend: 'webgpu' } as Status

/** A worker whose model comes or fails when the test says so. */
class HandChannel {
  onStatus: ((status: Status) => void) | null = null
  onLost: ((error: NearfieldError) => void) | null = null
  calls: [string, unknown][] = []
  ended: unknown = null
  settle!: { resolve(status: Status): void; reject(error: unknown): void }
  opening = new Promise<Status>((resolve, reject) => {
    this.settle = { resolve, reject }
  })
  heard: (progress: { loaded: number; total: number; stage: 'download' }) => void = () => {}
  call = async (name: string, args: unknown) => {
    this.calls.push([name, args])
    return name
  }
  lose(error: unknown) {
    this.ended = error
  }
  close() {
    this.ended = 'closed'
  }
}

function page() {
  const clock = new ManualClock()
  const workers: HandChannel[] = []
  const states: string[] = []
  const engine = new BackgroundEngine(
    (heard) => {
      const worker = new HandChannel()
      worker.heard = heard
      workers.push(worker)
      return { channel: worker as unknown as Channel, opening: worker.opening }
    },
    ({ state }) => states.push(state),
    clock,
  )
  const last = () => workers.at(-1)!
  const open = async () => {
    last().settle.resolve(READY)
    await clock.pass(0)
  }
  const fail = async (code: ConstructorParameters<typeof NearfieldError>[0]) => {
    last().settle.reject(new NearfieldError(code, 'as the test asks'))
    await clock.pass(0)
  }
  return { clock, engine, workers, states, last, open, fail }
}

test('what is asked waits for the model; the facts say how far it is', async () => {
  const { clock, engine, states, last, open } = page()
  const asked = engine.call('bench', { repeats: 1 })
  await clock.pass(40)
  last().heard({ loaded: 25, total: 100, stage: 'download' })
  expect(engine.facts).toMatchObject({ state: 'loading', loadingMs: 40, progress: 0.25 })
  expect(last().calls).toEqual([])
  await open()
  expect(await asked).toBe('bench')
  expect(engine.facts).toEqual({ state: 'ready', backend: 'webgpu' })
  expect(states).toEqual(['ready'])
})

test('a wait can be aborted, and the model comes all the same', async () => {
  const { engine, last, open } = page()
  const stop = new AbortController()
  const asked = engine.call('bench', { repeats: 1 }, { signal: stop.signal })
  stop.abort('no more')
  await expect(asked).rejects.toBe('no more')
  await open()
  expect([engine.status.state, last().calls]).toEqual(['ready', []])
})

test('a worker that ends is replaced at once, with its adapters; one that ends again later', async () => {
  const { clock, engine, workers, states, last, open } = page()
  await open()
  await engine.call('adapter', { url: 'http://host/fix.gguf' })
  last().onLost!(new NearfieldError('lost', 'the worker ended'))
  expect(engine.status).toMatchObject({ state: 'loading', backendReason: 'the worker ended' })
  const asked = engine.call('bench', { repeats: 1 })
  await clock.pass(0)
  expect(workers).toHaveLength(2)
  await open()
  await asked
  expect(last().calls.map(([name]) => name)).toEqual(['adapter', 'bench'])
  last().onLost!(new NearfieldError('lost', 'the worker ended'))
  expect(engine.facts).toEqual({ state: 'lost' })
  await clock.pass(1999)
  expect(workers).toHaveLength(2)
  await clock.pass(1)
  expect(workers).toHaveLength(3)
  expect(engine.facts.state).toBe('loading')
  await open()
  await clock.pass(60_001) // it has been well since: the next end is as the first one
  last().onLost!(new NearfieldError('lost', 'the worker ended'))
  await clock.pass(0)
  expect(workers).toHaveLength(4)
  expect(states).toEqual(['ready', 'loading', 'ready', 'loading', 'ready', 'loading'])
})

test('a GPU that nothing takes the place of ends its worker: what runs there is lost', async () => {
  const { clock, engine, workers, last, open } = page()
  await open()
  const first = last()
  first.onStatus!({ ...READY, state: 'loading' }) // it was tried
  first.onStatus!({ ...READY, state: 'lost' })
  expect(first.ended).toMatchObject({ code: 'lost' })
  first.onStatus!(READY) // too late: it is another one's turn
  await clock.pass(0)
  expect([workers.length, engine.status.state]).toEqual([2, 'loading'])
  await open()
  expect(await engine.call('bench', { repeats: 1 })).toBe('bench')
  expect(last().calls).toEqual([['bench', { repeats: 1 }]])
})

test('an adapter that cannot be had any more takes no model down; the newest status counts', async () => {
  const { clock, engine, workers, states, last, open } = page()
  await open()
  await engine.call('adapter', { url: 'http://host/gone.gguf' })
  last().onLost!(new NearfieldError('lost', 'the worker ended'))
  await clock.pass(0)
  const asked = engine.call('bench', { repeats: 1 })
  last().call = async (name: string, args: unknown) => {
    if (name !== 'adapter') return name
    last().onStatus!({ ...READY, gpu: 'the newest' })
    throw new NearfieldError('network', `${(args as { url: string }).url}: 404`)
  }
  await open()
  expect(await asked).toBe('bench')
  expect([workers.length, engine.status.gpu]).toEqual([2, 'the newest'])
  expect(states).toEqual(['ready', 'loading', 'ready'])
})

test('no worker may be started: there is no model here, and close() is the end', async () => {
  const states: string[] = []
  const engine = new BackgroundEngine(
    () => {
      throw new NearfieldError('unsupported', 'no worker may be started')
    },
    ({ state }) => states.push(state),
    new ManualClock(),
  )
  expect([engine.status.backendReason, states]).toEqual(['no worker may be started', ['absent']])
  await expect(engine.call('bench', { repeats: 1 })).rejects.toMatchObject({ code: 'unsupported' })
  engine.close()
  expect(states).toEqual(['absent']) // it is no change by itself
  await expect(engine.call('bench', { repeats: 1 })).rejects.toMatchObject({ code: 'closed' })
})

test('a download that breaks off is tried again, with longer and longer pauses', async () => {
  const { clock, engine, workers, fail, open } = page()
  const asked = engine.call('bench', { repeats: 1 }).catch((error) => error)
  const begun: number[] = []
  for (let i = 1; i <= 9; i++) {
    await fail('network')
    const from = clock.now()
    while (workers.length === i) await clock.pass(500)
    begun.push(clock.now() - from)
  }
  expect(begun).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  expect(engine.status.state).toBe('loading')
  expect(await asked).toMatchObject({ code: 'network' }) // told at the third
  const later = engine.call('bench', { repeats: 1 })
  await open()
  expect(await later).toBe('bench')
})

test('a model that cannot be had is given up, and whoever needs it hears why', async () => {
  const { clock, engine, workers, fail } = page()
  const asked = engine.call('bench', { repeats: 1 }).catch((error) => error)
  await fail('bad_input')
  expect(await asked).toMatchObject({
    code: 'unsupported',
    message: 'the model could not be opened: as the test asks',
  })
  expect(engine.facts).toEqual({ state: 'absent' })
  await clock.pass(600_000)
  expect(workers).toHaveLength(1)
})

test('close() ends the worker, and a pause', async () => {
  const { clock, engine, workers, fail, last } = page()
  engine.close()
  expect([last().ended, engine.status.state, engine.facts.state]).toEqual([
    'closed',
    'closed',
    'absent',
  ])
  await expect(engine.call('bench', { repeats: 1 })).rejects.toMatchObject({ code: 'closed' })
  const other = page()
  await other.fail('network')
  other.engine.close()
  await other.clock.pass(600_000)
  await fail('network')
  await clock.pass(600_000)
  expect([workers.length, other.workers.length]).toEqual([1, 1])
})
