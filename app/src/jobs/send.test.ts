// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Patience } from './patience'
import { JobError } from './problem'
import { CANCELLED, send } from './send'
import type { Tus } from './tus'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A server that keeps what came, and breaks each connection after the given number of bytes. */
class CuttingServer implements Tus {
  readonly parts = new Map<string, { length: number; text: string }>()
  readonly log: string[] = []
  /** One for each PATCH; none left: it takes all. */
  cuts: number[] = []
  faults: (JobError | null)[] = []
  #n = 0

  #check(what: string): void {
    this.log.push(what)
    const fault = this.faults.shift()
    if (fault) throw fault
  }
  #part(id: string) {
    const part = this.parts.get(id)
    if (!part) throw new JobError(404, 'no such upload')
    return part
  }
  async create(length: number): Promise<string> {
    this.#check('POST')
    this.#n += 1
    this.parts.set(`u${this.#n}`, { length, text: '' })
    return `u${this.#n}`
  }
  async offset(id: string): Promise<number> {
    this.#check(`HEAD ${id}`)
    return this.#part(id).text.length
  }
  append: Tus['append'] = async (id, body, offset, progress) => {
    this.#check(`PATCH ${id} ${offset}`)
    const part = this.#part(id)
    if (part.text.length !== offset) throw new JobError(409, 'it ends elsewhere')
    const cut = this.cuts.shift()
    const fresh = (await body.text()).slice(offset)
    part.text += fresh.slice(0, cut)
    progress(part.text.length)
    if (cut !== undefined) throw new JobError(0, 'the connection was lost while uploading')
    return part.text.length
  }
  async drop(id: string): Promise<void> {
    this.#check(`DELETE ${id}`)
    this.#part(id)
    this.parts.delete(id)
  }
}

const TEXT = 'abcdefghijklmnopqrst'

function begin(server: CuttingServer, known: string | null = null, text = TEXT) {
  const abort = new AbortController()
  const lost: (string | null)[] = []
  const kept: string[] = []
  const progress: number[] = []
  const over = send(server, {
    body: new Blob([text]),
    known,
    patience: new Patience(abort.signal, (why) => lost.push(why)),
    signal: abort.signal,
    keep: (id) => kept.push(id),
    progress: (sent) => progress.push(sent),
  })
  over.catch(() => undefined)
  return { over, abort, lost, kept, progress }
}

describe('send', () => {
  it('in one go when nothing breaks', async () => {
    const server = new CuttingServer()
    const { over, kept } = begin(server)
    expect(await over).toBe('u1')
    expect(server.log).toEqual(['POST', 'PATCH u1 0'])
    expect(server.parts.get('u1')?.text).toBe(TEXT)
    expect(kept).toEqual(['u1'])
  })

  it('goes on behind what the server has: no byte twice', async () => {
    const server = new CuttingServer()
    server.cuts = [7, 0, 5]
    const { over, lost, progress } = begin(server)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await over).toBe('u1')
    expect(server.log.filter((line) => line.startsWith('PATCH'))).toEqual([
      'PATCH u1 0',
      'PATCH u1 7',
      'PATCH u1 7',
      'PATCH u1 12',
    ])
    expect(server.parts.get('u1')?.text).toBe(TEXT)
    expect(lost.at(-1)).toBeNull()
    expect(lost).toContain('the connection was lost while uploading')
    expect(progress.at(-1)).toBe(TEXT.length)
  })

  it('waits longer as long as nothing more arrives, and shortly after something did', async () => {
    const server = new CuttingServer()
    const times: number[] = []
    const { append } = server
    server.append = (...all) => {
      times.push(Date.now())
      return append(...all)
    }
    server.cuts = [0, 0, 0, 4, 0]
    const { over } = begin(server)
    await vi.advanceTimersByTimeAsync(60_000)
    await over
    const waits = times.slice(1).map((at, i) => (at - (times[i] ?? 0)) / 1000)
    // after the fourth the wait is still long: only the HEAD behind it tells that more is there
    expect(waits).toEqual([1, 2, 4, 8, 1])
  })

  it('an answer that was lost: HEAD says it is whole, nothing is sent again', async () => {
    const server = new CuttingServer()
    server.cuts = [TEXT.length]
    const { over } = begin(server)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await over).toBe('u1')
    expect(server.log).toEqual(['POST', 'PATCH u1 0', 'HEAD u1'])
  })

  it('one begun before goes on; one that was thrown away is made anew', async () => {
    const server = new CuttingServer()
    server.parts.set('old', { length: TEXT.length, text: TEXT.slice(0, 9) })
    expect(await begin(server, 'old').over).toBe('old')
    expect(server.log).toEqual(['HEAD old', 'PATCH old 9'])
    const other = new CuttingServer()
    const { over, kept } = begin(other, 'gone')
    expect(await over).toBe('u1')
    expect(other.log).toEqual(['HEAD gone', 'POST', 'PATCH u1 0'])
    expect(kept).toEqual(['u1'])
  })

  it('another place than thought: it is asked for; a server that never agrees is given up', async () => {
    const server = new CuttingServer()
    server.faults = [null, new JobError(409, 'it ends elsewhere')]
    expect(await begin(server).over).toBe('u1')
    expect(server.log).toEqual(['POST', 'PATCH u1 0', 'HEAD u1', 'PATCH u1 0'])
    const stubborn = new CuttingServer()
    stubborn.append = async () => Promise.reject(new JobError(409, 'it ends elsewhere'))
    await expect(begin(stubborn).over).rejects.toMatchObject({ status: 409 })
    expect(stubborn.log).toEqual(['POST', 'HEAD u1', 'HEAD u1', 'HEAD u1'])
  })

  it('423 waits; 401, 413 and 507 end it, and what is there stays there', async () => {
    const server = new CuttingServer()
    server.faults = [null, new JobError(423, 'another request writes to this upload', 1000)]
    const { over } = begin(server)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await over).toBe('u1')
    for (const status of [401, 413, 507]) {
      const refusing = new CuttingServer()
      refusing.faults = [null, new JobError(status, 'no')]
      await expect(begin(refusing).over).rejects.toMatchObject({ status })
      expect([...refusing.parts.keys()]).toEqual(['u1'])
    }
  })

  it('cancelled it is taken off the server, however long that is away; left it stays', async () => {
    const server = new CuttingServer()
    server.cuts = [7]
    const { over, abort } = begin(server)
    await vi.advanceTimersByTimeAsync(500)
    server.faults = [new JobError(0, 'away'), new JobError(423, 'it is still read')]
    abort.abort(CANCELLED)
    await expect(over).rejects.toBe(CANCELLED)
    await vi.advanceTimersByTimeAsync(5000)
    expect(server.parts.size).toBe(0)
    const kept = new CuttingServer()
    kept.cuts = [7]
    const left = begin(kept)
    await vi.advanceTimersByTimeAsync(500)
    left.abort.abort()
    await expect(left.over).rejects.toBeTruthy()
    await vi.advanceTimersByTimeAsync(5000)
    expect(kept.parts.get('u1')?.text).toBe(TEXT.slice(0, 7))
  })

  it('left while it is made: nobody knows its name, so it goes', async () => {
    const server = new CuttingServer()
    const { create } = server
    let answer: () => void = () => undefined
    server.create = async (bytes) => {
      const id = await create.call(server, bytes)
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return id
    }
    const { over, abort, kept } = begin(server)
    await vi.advanceTimersByTimeAsync(1)
    abort.abort()
    answer()
    await expect(over).rejects.toBeTruthy()
    await vi.advanceTimersByTimeAsync(1)
    expect(server.parts.size).toBe(0)
    expect(kept).toEqual([])
  })

  it('a file that is gone from the disk is no lost connection', async () => {
    const body = new Blob([TEXT])
    body.slice = () => {
      throw new DOMException('gone', 'NotReadableError')
    }
    const signal = new AbortController().signal
    const patience = new Patience(signal, () => undefined)
    const nothing = () => undefined
    const all = { body, known: null, patience, signal, keep: nothing, progress: nothing }
    await expect(send(new CuttingServer(), all)).rejects.toThrow('can no longer be read')
  })
})
