import type { NearfieldApi } from 'nearfield'
import { expect, it, vi } from 'vitest'
import { abortError, HandEngine, status } from '../../tests/fake/engine'
import { Assist } from './assist'
import { Model } from './model'

const TEXTS = ['its louder', 'they is here']

/** A page whose server edits, and which may have a model. */
async function start({ here = false } = {}) {
  const engine = new HandEngine()
  engine.server = true
  engine.facts = { ...engine.facts, availability: here ? 'available' : 'downloadable' }
  const model = new Model(engine)
  const told: string[] = []
  const assist = new Assist(model, {
    request: (id, task) => {
      const text = TEXTS[id]
      return text === undefined ? null : { task, text }
    },
    announce: () => undefined,
    note: (text) => told.push(text),
    fail: (text) => told.push(text),
  })
  await model.look()
  const modes = () => engine.asked.map(({ request }) => request.mode)
  const asked = (n: number) => vi.waitFor(() => expect(engine.asked).toHaveLength(n))
  return { engine, model, assist, told, modes, asked }
}

it('forbidding the server ends what it was asked; the device is asked instead', async () => {
  const { engine, model, assist, told, modes, asked } = await start()
  const asking = assist.ask(0, 'fix')
  await asked(1)
  model.setMode('only_on_device')
  expect(engine.asked[0]?.request.signal?.aborted).toBe(true)
  await vi.waitFor(() => expect(model.answering).toBeNull())
  expect([assist.store.get().pending.get(0), engine.asked.length]).toEqual(['fix', 1])
  await model.download()
  await asked(2)
  expect(modes()).toEqual(['prefer_on_device', 'only_on_device'])
  engine.asked[1]?.finish("it's louder")
  await asking
  expect(assist.store.get().suggestions.get(0)?.after).toBe("it's louder")
  expect(told).toEqual([])
})

it('forbidding the server reaches a batch; it goes on where it was', async () => {
  const { engine, model, assist, modes, asked } = await start()
  const running = assist.runBatch('fix', [0, 1])
  await asked(1)
  engine.asked[0]?.finish("it's louder")
  await asked(2)
  model.setMode('only_on_device')
  expect(engine.asked[1]?.request.signal?.aborted).toBe(true)
  expect(assist.store.get().batch).toMatchObject({ running: true, done: 1, failed: 0 })
  await model.download()
  await asked(3)
  expect(modes()).toEqual(['prefer_on_device', 'prefer_on_device', 'only_on_device'])
  engine.asked[2]?.finish('they are here')
  await running
  expect(assist.store.get().batch).toMatchObject({ running: false, done: 2, failed: 0 })
  expect(assist.store.get().batch?.items).toHaveLength(2)
})

it('any other choice leaves what was asked alone', async () => {
  const { engine, model, assist, asked } = await start()
  const asking = assist.ask(0, 'fix')
  await asked(1)
  model.setMode('prefer_in_cloud')
  expect(engine.asked[0]?.request.signal?.aborted).toBe(false)
  engine.asked[0]?.finish("it's louder")
  await asking
  expect(engine.asked).toHaveLength(1)
})

it('what the server was asked before a download began is asked of the one that comes', async () => {
  const { engine, model, assist, asked, told } = await start()
  let end: (error: Error) => void = () => undefined
  const first = model.store.get().nearfield as {
    -readonly [K in keyof NearfieldApi]: NearfieldApi[K]
  }
  first.edit = () =>
    new Promise((_, reject) => {
      end = reject
    })
  first.close = () => end(abortError()) // as the SDK does
  const asking = assist.ask(0, 'fix')
  await model.download()
  await asked(1)
  engine.asked[0]?.finish("it's louder")
  await asking
  expect(assist.store.get().suggestions.get(0)?.after).toBe("it's louder")
  expect(told).toEqual([])
})

it('a cue that cannot be asked about is counted, and the batch goes on; an outage ends it', async () => {
  const { engine, assist, told, asked } = await start()
  const running = assist.runBatch('fix', [0, 1])
  await asked(1)
  engine.asked[0]?.fail(Object.assign(new Error('text: too long'), { code: 'bad_input' }))
  await asked(2)
  engine.asked[1]?.finish('they are here')
  await running
  const { batch } = assist.store.get()
  expect(batch).toMatchObject({ running: false, cancelled: false, done: 2, failed: 1 })
  expect(told).toEqual([])
  const again = assist.runBatch('fix', [0, 1])
  await asked(3)
  engine.asked[2]?.fail(Object.assign(new Error('no network'), { code: 'network' }))
  await again
  expect(assist.store.get().batch).toMatchObject({ running: false, cancelled: true, done: 0 })
  expect(told).toEqual(['The edit did not run: no network'])
})

it('what the device does not offer the server may; alone, the device says why not', async () => {
  const { engine, model, assist, told, asked } = await start({ here: true })
  expect(status.tasks.find(({ task }) => task === 'formal')?.offered).toBe(false)
  void assist.ask(0, 'formal')
  await asked(1)
  assist.dismiss(0)
  model.setMode('only_on_device')
  await assist.ask(0, 'formal')
  expect(engine.asked).toHaveLength(1)
  expect(told).toEqual([
    'Formal is not offered on this device: this model gave 2 of 30 usable answers.',
  ])
})
