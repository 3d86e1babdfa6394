import type { EditRequest } from 'nearfield'
import { describe, expect, it } from 'vitest'
import { HandEngine } from '../../tests/fake/engine'
import type { Lane } from './queue'
import { EditQueue } from './queue'

const turn = () => new Promise((resolve) => setTimeout(resolve))

function start() {
  const engine = new HandEngine()
  const queue = new EditQueue()
  const add = (cueId: number, lane: Lane, text = `text ${cueId}`) =>
    queue.add({ cueId, lane, request: { task: 'fix', text } as EditRequest })
  const edit = (request: EditRequest) => engine.nearfield.edit(request)
  return { engine, queue, add, edit, texts: () => engine.asked.map(({ request }) => request.text) }
}

describe('EditQueue', () => {
  it('waits for an engine, then runs one at a time', async () => {
    const { engine, queue, add, edit, texts } = start()
    const first = add(1, 'asked')
    const second = add(2, 'asked')
    expect(texts()).toEqual([])
    queue.setEngine(edit)
    expect(texts()).toEqual(['text 1'])
    engine.asked[0]?.finish('one')
    expect(await first).toMatchObject({ kind: 'done', result: { text: 'one' } })
    await turn()
    expect(texts()).toEqual(['text 1', 'text 2'])
    engine.asked[1]?.finish()
    expect((await second).kind).toBe('done')
    expect(queue.size).toBe(0)
  })

  it('a newer request of a cue supersedes the older, running or waiting', async () => {
    const { engine, queue, add, edit, texts } = start()
    queue.setEngine(edit)
    const running = add(1, 'asked', 'old')
    const waiting = add(1, 'asked', 'newer')
    const last = add(1, 'asked', 'newest')
    expect(await running).toEqual({ kind: 'cancelled' })
    expect(await waiting).toEqual({ kind: 'cancelled' })
    expect(engine.asked[0]?.request.signal?.aborted).toBe(true)
    await turn()
    expect(texts()).toEqual(['old', 'newest'])
    engine.asked[1]?.finish()
    expect((await last).kind).toBe('done')
  })

  it('asked goes before batch before prefetch, and stops a running prefetch', async () => {
    const { engine, queue, add, edit, texts } = start()
    queue.setEngine(edit)
    const prefetch = add(9, 'prefetch', 'p')
    void add(2, 'batch', 'b')
    void add(1, 'asked', 'a')
    expect(await prefetch).toEqual({ kind: 'cancelled' })
    await turn()
    expect(texts()).toEqual(['p', 'a'])
    engine.asked[1]?.finish()
    await turn()
    expect(texts()).toEqual(['p', 'a', 'b'])
  })

  it('asking for a cue does not cancel its batch job, nor another cue', async () => {
    const { engine, queue, add, edit } = start()
    queue.setEngine(edit)
    const batch = add(1, 'batch')
    const other = add(2, 'asked')
    void add(1, 'asked')
    engine.asked[0]?.finish()
    expect((await batch).kind).toBe('done')
    await turn()
    engine.asked[1]?.finish()
    expect((await other).kind).toBe('done')
  })

  it('a failed edit says so and the next one runs', async () => {
    const { engine, queue, add, edit } = start()
    queue.setEngine(edit)
    const first = add(1, 'asked')
    const second = add(2, 'asked')
    engine.asked[0]?.fail(new Error('lost'))
    expect(await first).toMatchObject({ kind: 'failed', error: new Error('lost') })
    await turn()
    engine.asked[1]?.finish()
    expect((await second).kind).toBe('done')
  })

  it('a result that comes after the cancel is not delivered as done', async () => {
    const { engine, queue, add } = start()
    queue.setEngine((request) => {
      const deaf = { ...request }
      delete deaf.signal
      return engine.nearfield.edit(deaf)
    })
    const job = add(1, 'asked')
    queue.cancel((one) => one.cueId === 1)
    engine.asked[0]?.finish('late')
    expect(await job).toEqual({ kind: 'cancelled' })
  })
})
