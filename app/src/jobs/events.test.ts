import { afterEach, describe, expect, it, vi } from 'vitest'
import type { JobEvent } from './events'
import { parseEvent, readEvents } from './events'

afterEach(() => void vi.useRealTimers())

const stream = (pieces: readonly string[], end = true) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
      if (end) controller.close()
    },
  })

async function all(body: ReadableStream<Uint8Array>): Promise<JobEvent[]> {
  const events: JobEvent[] = []
  for await (const event of readEvents(body)) events.push(event)
  return events
}

describe('readEvents', () => {
  const text =
    'id: 1\nevent: state\ndata: {"state":"queued"}\n\n:\n\n' +
    'id: 2\nevent: segment\ndata: {"text":"é: 1"}\n\n'
  const wanted = [
    { id: 1, type: 'state', data: { state: 'queued' } },
    { id: 2, type: 'segment', data: { text: 'é: 1' } },
  ]

  it('comments are no events; the pieces may be cut anywhere', async () => {
    expect(await all(stream([text]))).toEqual(wanted)
    for (let at = 1; at < text.length; at += 1) {
      expect(await all(stream([text.slice(0, at), text.slice(at)]))).toEqual(wanted)
    }
  })

  it('half an event at the end is none: the server says it again', async () => {
    expect(await all(stream([text, 'id: 3\nevent: state\ndata: {"sta']))).toEqual(wanted)
  })

  it('a connection that falls silent is as good as lost', async () => {
    vi.useFakeTimers()
    const found = all(stream([text], false)).catch((error: Error) => error.message)
    await vi.advanceTimersByTimeAsync(45_000)
    expect(await found).toBe('silence')
  })

  it('what is not ours is passed over', () => {
    for (const block of ['data: 1', 'id: x\ndata: 1', 'id: 1', 'id: 1\ndata: {', '']) {
      expect(parseEvent(block)).toBeNull()
    }
    expect(parseEvent('id:5\ndata:7')).toEqual({ id: 5, type: 'message', data: 7 })
  })
})
