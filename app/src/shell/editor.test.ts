import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseSrt } from '../../tests/fake/captions'
import { HandEngine } from '../../tests/fake/engine'
import { createDocument } from '../document/cue'
import { Editor } from './editor'

const turn = () => vi.advanceTimersByTimeAsync(0)

const SRT = `1
00:00:01,000 --> 00:00:03,000
its louder then this

2
00:00:03,000 --> 00:00:05,000
they is here

3
00:00:05,000 --> 00:00:06,000
a line that is far too long to be read in one second
`

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

async function start(facts?: Partial<HandEngine['facts']>) {
  const engine = new HandEngine()
  engine.facts = { ...engine.facts, ...facts }
  const editor = new Editor(engine)
  await editor.model.look()
  const cues = parseSrt(SRT)
  const project = {
    id: 'p',
    name: 'p.srt',
    format: 'srt' as const,
    original: null,
    warnings: [],
    video: null,
    part: null,
    job: null,
  }
  editor.show(project, createDocument('srt', cues), false)
  await turn()
  const ids = editor.document?.cues.map((cue) => cue.id) ?? []
  const texts = () => editor.document?.cues.map((cue) => cue.text)
  const suggestion = () => editor.assist.store.get().suggestions.get(editor.active?.id ?? -1)
  const steps = () => editor.store.get().history?.past.length
  return { engine, editor, ids, texts, suggestion, steps }
}

describe('suggestions', () => {
  it('a suggestion changes nothing until it is accepted, then is one undo step', async () => {
    const { engine, editor, texts, suggestion, steps } = await start()
    editor.ask('fix')
    engine.asked[0]?.finish("it's louder than this")
    await turn()
    expect(suggestion()?.after).toBe("it's louder than this")
    expect(texts()?.[0]).toBe('its louder then this')
    expect(editor.accept()).toBe(true)
    expect(texts()?.[0]).toBe("it's louder than this")
    expect(suggestion()).toBeUndefined()
    expect(steps()).toBe(1)
    editor.undo()
    expect(texts()?.[0]).toBe('its louder then this')
  })

  it('one changed word can be taken; the rest stays suggested', async () => {
    const { engine, editor, texts, suggestion, steps } = await start()
    editor.ask('fix')
    engine.asked[0]?.finish("it's louder than this")
    await turn()
    expect(editor.acceptChange(1)).toBe(true)
    expect(texts()?.[0]).toBe('its louder than this')
    expect(suggestion()?.before).toBe('its louder than this')
    expect(editor.acceptChange(0)).toBe(true)
    expect(texts()?.[0]).toBe("it's louder than this")
    expect(suggestion()).toBeUndefined()
    expect(steps()).toBe(2)
  })

  it('typing while it runs drops the result', async () => {
    const { engine, editor, ids, suggestion } = await start()
    editor.ask('fix')
    const [id = -1] = ids
    editor.type(id, 'its louder then this!')
    expect(engine.asked[0]?.request.signal?.aborted).toBe(true)
    engine.asked[0]?.finish('stale')
    await turn()
    expect(suggestion()).toBeUndefined()
    expect(editor.assist.store.get().pending.size).toBe(0)
  })

  it('typing after it came drops it', async () => {
    const { engine, editor, ids, suggestion } = await start()
    editor.ask('fix')
    engine.asked[0]?.finish('new')
    await turn()
    editor.type(ids[0] ?? -1, 'something else')
    expect(suggestion()).toBeUndefined()
    expect(editor.accept()).toBe(false)
  })

  it('rejecting leaves the text and asking again is answered from what is known', async () => {
    const { engine, editor, texts, suggestion } = await start()
    editor.ask('fix')
    engine.asked[0]?.finish('new')
    await turn()
    expect(editor.reject()).toBe(true)
    expect(suggestion()).toBeUndefined()
    expect(texts()?.[0]).toBe('its louder then this')
    editor.ask('fix')
    await turn()
    // Known already or not is the SDK's business: it is asked again.
    engine.asked[1]?.finish('new')
    await turn()
    expect(suggestion()?.after).toBe('new')
  })

  it('Shorten carries the limits of the cue and its neighbours', async () => {
    const { engine, editor, ids } = await start()
    editor.activate(ids[2] ?? -1)
    editor.ask('shorten')
    expect(engine.asked[0]?.request).toMatchObject({
      task: 'shorten',
      maxChars: 20,
      maxCps: 20,
      maxLines: 2,
      durationMs: 1000,
      context: { before: 'they is here' },
    })
  })
})

describe('batch', () => {
  it('streams suggestions, takes the chosen ones in one step', async () => {
    const { engine, editor, ids, texts, steps } = await start()
    editor.batch('fix')
    engine.asked[0]?.finish("it's louder than this")
    await turn()
    expect(editor.assist.store.get().batch).toMatchObject({ done: 1, running: true })
    expect(editor.assist.store.get().batch?.items).toHaveLength(1)
    engine.asked[1]?.finish('they are here')
    await turn()
    engine.asked[2]?.finish(engine.asked[2].request.text)
    await turn()
    expect(editor.assist.store.get().batch).toMatchObject({ done: 3, running: false })
    const second = editor.assist.store.get().batch?.items[1]
    if (!second) throw new Error('no second item')
    expect(second.cueId).toBe(ids[1])
    editor.toggle(second)
    const before = texts()
    editor.acceptBatch()
    expect(texts()).toEqual(["it's louder than this", 'they is here', before?.[2]])
    expect(steps()).toBe(1)
    expect(editor.assist.store.get().batch).toBeNull()
    editor.undo()
    expect(texts()).toEqual(before)
  })

  it('stops at once and keeps what was found', async () => {
    const { engine, editor } = await start()
    editor.batch('fix')
    engine.asked[0]?.finish('one')
    await turn()
    editor.assist.cancelBatch()
    await turn()
    const { batch } = editor.assist.store.get()
    expect(batch).toMatchObject({ running: false, cancelled: true, done: 1 })
    expect(batch?.items).toHaveLength(1)
    expect(engine.asked[1]?.request.signal?.aborted).toBe(true)
    expect(engine.asked).toHaveLength(2)
  })

  it('an item whose cue was edited meanwhile is dropped', async () => {
    const { engine, editor, ids } = await start()
    editor.batch('fix')
    engine.asked[0]?.finish('one')
    await turn()
    editor.type(ids[0] ?? -1, 'by hand')
    expect(editor.assist.store.get().batch?.items).toHaveLength(0)
  })

  it('Shorten all takes only cues over a limit', async () => {
    const { engine, editor, ids } = await start()
    editor.batch('shorten')
    expect(editor.assist.store.get().batch?.total).toBe(1)
    engine.asked[0]?.finish('short')
    await turn()
    expect(editor.assist.store.get().batch?.items[0]?.cueId).toBe(ids[2])
  })
})

describe('the model', () => {
  it('nothing is downloaded before a yes; then the waiting edit runs', async () => {
    const { engine, editor, suggestion } = await start({ availability: 'downloadable' })
    expect(engine.opens).toBe(0)
    editor.ask('fix')
    await turn()
    expect(engine.opens).toBe(0)
    expect(engine.asked).toHaveLength(0)
    await editor.model.download()
    engine.asked[0]?.finish('fixed')
    await turn()
    expect(suggestion()?.after).toBe('fixed')
  })

  it('a no leaves nothing waiting; asking again asks again', async () => {
    const { engine, editor } = await start({ availability: 'downloadable' })
    editor.ask('fix')
    await turn()
    editor.model.refuse()
    editor.assist.dropWaiting()
    expect(editor.model.state).toMatchObject({ kind: 'absent', refused: true })
    expect(editor.assist.store.get().pending.size).toBe(0)
    editor.ask('fix')
    expect(editor.model.state).toMatchObject({ kind: 'absent', refused: false })
    expect(engine.opens).toBe(0)
  })

  it('a download can be cancelled and a failed one tried again', async () => {
    const { engine, editor } = await start({ availability: 'downloadable' })
    engine.holdOpen = true
    const first = editor.model.download()
    engine.progress?.(40, 100)
    expect(editor.model.state).toMatchObject({ kind: 'opening', loaded: 40, total: 100 })
    editor.model.cancel()
    await first
    expect(editor.model.state.kind).toBe('absent')
    const second = editor.model.download()
    engine.finishOpen?.(new Error('the network is gone'))
    await second
    expect(editor.model.state).toMatchObject({ kind: 'failed', why: 'the network is gone' })
    engine.holdOpen = false
    await editor.model.download()
    expect(editor.model.state.kind).toBe('ready')
  })

  it('a failed edit is told, and the text stays', async () => {
    const { engine, editor, texts } = await start()
    editor.ask('fix')
    engine.asked[0]?.fail(new Error('out of memory'))
    await turn()
    expect(editor.store.get().trouble).toBe('The edit did not run: out of memory')
    expect(texts()?.[0]).toBe('its louder then this')
    expect(editor.assist.store.get().pending.size).toBe(0)
  })

  it('prefetches the cue in hand first, then the next ones, once the person rests', async () => {
    const { engine, editor, ids } = await start()
    editor.activate(ids[1] ?? -1)
    expect(engine.prefetched).toEqual({ focus: [], next: [] })
    await vi.advanceTimersByTimeAsync(500)
    const last = 'a line that is far too long to be read in one second'
    expect(engine.prefetched).toEqual({ focus: ['they is here'], next: [last] })
    editor.type(ids[1] ?? -1, 'they is here now')
    expect(engine.prefetched).toEqual({ focus: [], next: [] })
    await vi.advanceTimersByTimeAsync(500)
    expect(engine.prefetched).toEqual({ focus: ['they is here now'], next: [last] })
  })

  it('asks with the cue as key, a batch behind everything else', async () => {
    const { engine, editor, ids } = await start()
    editor.batch('fix')
    await turn()
    expect(engine.asked[0]?.request).toMatchObject({ priority: 'idle' })
    editor.ask('fix')
    await turn()
    expect(engine.asked[1]?.request).toMatchObject({ priority: 'now', key: `cue ${ids[0]}` })
  })

  it('asking twice for one cue ends the first request', async () => {
    const { engine, editor, suggestion } = await start()
    editor.ask('fix')
    await turn()
    editor.ask('shorten')
    await turn()
    expect(engine.asked[0]?.request.signal?.aborted).toBe(true)
    engine.asked[1]?.finish('short')
    await turn()
    expect(suggestion()).toMatchObject({ task: 'shorten', after: 'short' })
    expect(editor.store.get().trouble).toBeNull()
  })
})

describe('the cue in hand', () => {
  it('F8 walks the findings around the ends', async () => {
    const { editor, ids } = await start()
    await turn()
    editor.nextProblem(1)
    expect(editor.active?.id).toBe(ids[2])
    editor.nextProblem(1)
    expect(editor.active?.id).toBe(ids[2])
  })

  it('undo goes to the cue it changed', async () => {
    const { editor, ids } = await start()
    editor.type(ids[0] ?? -1, 'x')
    editor.activate(ids[2] ?? -1)
    editor.undo()
    expect(editor.active?.id).toBe(ids[0])
  })

  it('read only changes nothing', async () => {
    const { editor, ids, texts } = await start()
    editor.store.set({ readOnly: true })
    const before = texts()
    editor.type(ids[0] ?? -1, 'x')
    editor.merge()
    editor.remove()
    editor.ask('fix')
    expect(texts()).toEqual(before)
    expect(editor.assist.store.get().pending.size).toBe(0)
  })

  it('times are one undo step, and what no cue can have is refused with its reason', async () => {
    const { editor, ids, steps } = await start()
    const times = () => [editor.active?.startMs, editor.active?.endMs]
    expect(editor.setTimes(ids[0] ?? 0, 500, 2500)).toBe(true)
    expect(times()).toEqual([500, 2500])
    expect(steps()).toBe(1)
    for (const [from, to] of [
      [2500, 2500],
      [3000, 2000],
      [-1, 2000],
      [0, 360_000_000],
    ] as const)
      expect(editor.setTimes(ids[0] ?? 0, from, to)).toBe(false)
    expect(editor.store.get().note?.text).toMatch(/^Times not changed: a cue cannot end after/)
    expect(editor.setTimes(ids[0] ?? 0, 500, 2500)).toBe(true)
    expect(steps()).toBe(1)
    editor.undo()
    expect(times()).toEqual([1000, 3000])
    editor.redo()
    expect(times()).toEqual([500, 2500])
  })

  it('undoing many cues goes to the first of them and says what it was', async () => {
    const { engine, editor, ids } = await start()
    editor.batch('fix')
    for (const text of ["it's louder than this", 'they are here', 'short']) {
      await turn()
      engine.asked.at(-1)?.finish(text)
    }
    await turn()
    editor.acceptBatch()
    editor.activate(ids[2] ?? 0)
    editor.store.set({ activeId: null })
    editor.undo()
    expect(editor.active?.id).toBe(ids[0])
    expect(editor.store.get().note?.text).toBe('Undone: Fix 3 cues')
  })

  it('a note does not take the place of what went wrong', async () => {
    const { editor } = await start()
    editor.notify('error', 'Not kept')
    editor.notify('info', 'Saved')
    expect(editor.store.get()).toMatchObject({ trouble: 'Not kept', note: { text: 'Saved' } })
  })

  it('split and merge are inverse enough to be trusted, delete picks a neighbour', async () => {
    const { editor, ids, texts } = await start()
    editor.split(10)
    expect(texts()?.slice(0, 2)).toEqual(['its louder', 'then this'])
    const [first, second] = editor.document?.cues ?? []
    expect(first?.endMs).toBe(second?.startMs)
    editor.merge()
    expect(texts()?.[0]).toBe('its louder\nthen this')
    expect(editor.active).toMatchObject({ id: ids[0], startMs: 1000, endMs: 3000 })
    editor.remove()
    expect(editor.active?.id).toBe(ids[1])
  })
})
