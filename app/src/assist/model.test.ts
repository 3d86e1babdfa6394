import type { NearfieldApi, Status } from 'nearfield'
import { expect, it } from 'vitest'
import { HandEngine, status } from '../../tests/fake/engine'
import type { EngineOptions } from './engine'
import { Model } from './model'

/** An engine as the SDK is with a server: open at once, its model told of by `say`. */
class RoutedEngine extends HandEngine {
  override server: boolean | null = true
  opened: EngineOptions | null = null
  closed = 0
  say: (state: Status['state'], backendReason?: string) => void = () => undefined

  override open = async (options: EngineOptions): Promise<NearfieldApi> => {
    this.opens += 1
    this.opened = options
    const made = {
      ...this.nearfield,
      status: { ...status, state: 'loading' } as Status,
      close: () => {
        this.closed += 1
      },
    }
    this.say = (state, backendReason = '') => {
      made.status = { ...status, state, backendReason }
      options.onStatus?.(made.status)
    }
    return made
  }
}

async function look(facts: Partial<HandEngine['facts']> = {}, server: boolean | null = true) {
  const engine = new RoutedEngine()
  engine.server = server
  engine.facts = { ...engine.facts, ...facts }
  const model = new Model(engine)
  await model.look()
  return { engine, model, kind: () => model.state.kind }
}

it('before a download the server answers, and nothing is fetched', async () => {
  const { engine, model, kind } = await look({ availability: 'downloadable' })
  expect(kind()).toBe('absent')
  expect([engine.opens, engine.serverOpens]).toEqual([0, 1])
  expect(model.answering?.status.state).toBe('absent')
  expect(model.wishes).toEqual({ mode: 'prefer_on_device' })
})

it('only on this device, the server answers nothing and the model is waited for', async () => {
  const { engine, model, kind } = await look({ availability: 'downloadable' })
  model.setMode('only_on_device')
  expect(model.answering).toBeNull()
  await model.download()
  expect([kind(), model.answering]).toEqual(['opening', null])
  engine.say('ready')
  expect(kind()).toBe('ready')
  expect(model.answering).not.toBeNull()
  expect(model.wishes).toEqual({ mode: 'only_on_device' })
})

it('while the model comes along the server answers; then, and after it is lost, either', async () => {
  const { engine, model, kind } = await look()
  expect([kind(), engine.opened?.server, engine.serverOpens]).toEqual(['opening', true, 0])
  expect(model.answering).not.toBeNull()
  expect(model.patientWishes).toEqual({ mode: 'prefer_on_device' })
  engine.say('ready')
  expect(kind()).toBe('ready')
  expect(model.patientWishes).toEqual({ mode: 'only_on_device' }) // nobody waits for a batch
  engine.say('loading', 'the worker ended')
  expect(kind()).toBe('ready') // it is opened again by itself
  model.check(new Error('the worker ended'))
  expect([kind(), engine.closed]).toEqual(['ready', 0])
})

it('a model that cannot be had leaves the server, and says why', async () => {
  const { engine, model } = await look()
  engine.say('absent', 'not a GGUF file')
  expect(model.state).toMatchObject({ kind: 'failed', why: 'not a GGUF file' })
  expect(model.answering).not.toBeNull()
})

it('a download that is cancelled leaves the server; a late word of it changes nothing', async () => {
  const { engine, model, kind } = await look({ availability: 'downloadable' })
  await model.download()
  model.cancel()
  expect(kind()).toBe('absent')
  engine.say('absent', 'aborted')
  expect(model.state).toMatchObject({ kind: 'absent', refused: true })
  expect(model.answering).not.toBeNull()
  const old = engine.say
  await model.download()
  old('absent', 'aborted')
  expect(kind()).toBe('opening')
})

it('the ledger goes on when the model comes', async () => {
  const { engine, model } = await look({ availability: 'downloadable' })
  const { server } = engine.sums
  let [before, after] = [2, 0]
  const first = model.store.get().nearfield
  if (!first) throw new Error('the server does not answer')
  first.ledger = () => ({ ...engine.sums, server: { ...server, edits: before } })
  await model.download()
  const second = model.store.get().nearfield
  if (!second || second === first) throw new Error('the model brought no other one')
  second.ledger = () => ({ ...engine.sums, server: { ...server, edits: after } })
  expect(model.ledger().server.edits).toBe(2)
  before = 3 // it was still under way
  after = 1
  expect(model.ledger().server.edits).toBe(4)
})

it('a download that breaks is said as long as it is tried again', async () => {
  const { engine, model } = await look()
  engine.opened?.onProgress?.({ loaded: 40, total: 100, stage: 'download' })
  engine.say('loading', 'the network is gone')
  const broke = 'the network is gone'
  expect(model.state).toMatchObject({ kind: 'opening', loaded: 40, broke })
  engine.opened?.onProgress?.({ loaded: 41, total: 100, stage: 'download' })
  expect(model.state).not.toHaveProperty('broke')
  engine.say('ready')
  expect(model.state.kind).toBe('ready')
})

it('without a server it is the device alone, and edits name no mode', async () => {
  const engine = new HandEngine()
  engine.facts = { ...engine.facts, availability: 'downloadable' }
  const model = new Model(engine)
  await model.look()
  expect([model.answering, engine.serverOpens, model.wishes]).toEqual([null, 0, {}])
})

it('a server that was away is found again, and answers until there is a model', async () => {
  const { engine, model, kind } = await look({ availability: 'downloadable' }, null)
  expect([kind(), model.seeksServer, model.answering]).toEqual(['absent', true, null])
  await model.lookAgain()
  expect([model.seeksServer, engine.serverOpens]).toEqual([true, 0])
  engine.server = true
  await model.lookAgain()
  expect([kind(), model.seeksServer, engine.serverOpens]).toEqual(['absent', false, 1])
  expect(model.answering).not.toBeNull()
  expect(model.wishes).toEqual({ mode: 'prefer_on_device' })
  await model.lookAgain()
  expect(engine.serverOpens).toBe(1)
})

it('found again beside a model that is open and kept, it opens that anew with it', async () => {
  const { engine, model, kind } = await look({}, null)
  engine.say('ready')
  expect([kind(), engine.opened?.server]).toEqual(['ready', false])
  engine.server = true
  await model.lookAgain()
  expect([kind(), engine.opened?.server, engine.closed]).toEqual(['opening', true, 1])
  engine.say('ready')
  expect([kind(), model.seeksServer]).toEqual(['ready', false])
  expect(model.wishes).toEqual({ mode: 'prefer_on_device' })
})

it('it is not opened beside a model that would be fetched again, nor in a download', async () => {
  const { engine, model, kind } = await look({ availability: 'downloadable' }, null)
  await model.download()
  engine.server = true
  await model.lookAgain()
  expect([kind(), model.seeksServer, engine.opens]).toEqual(['opening', true, 1])
  engine.say('ready') // this browser keeps nothing
  await model.lookAgain()
  expect([kind(), model.seeksServer, engine.opens]).toEqual(['ready', false, 1])
  expect(model.wishes).toEqual({})
})

it('where no model could be had either, both are looked for', async () => {
  const engine = new RoutedEngine()
  engine.server = null
  engine.model = async () => {
    throw new Error('the server is away')
  }
  const model = new Model(engine)
  await model.look()
  expect(model.state.kind).toBe('unavailable')
  engine.server = true
  engine.model = async () => ({ ...engine.facts, availability: 'downloadable' })
  await model.lookAgain()
  expect([model.state.kind, model.seeksServer]).toEqual(['absent', false])
  expect(model.answering).not.toBeNull()
})

it('a host that does not edit is asked once', async () => {
  const { model } = await look({}, false)
  expect(model.seeksServer).toBe(false)
})

it('a token that is given later opens the server, or opens it anew', async () => {
  const { engine, model } = await look({ availability: 'downloadable' }, false) // it said 401
  expect(model.answering).toBeNull()
  engine.server = true
  await model.tokenGiven()
  expect([engine.serverOpens, model.seeksServer]).toEqual([1, false])
  const first = model.answering
  await model.tokenGiven()
  expect(engine.serverOpens).toBe(2)
  expect(model.answering).not.toBe(first)
})
