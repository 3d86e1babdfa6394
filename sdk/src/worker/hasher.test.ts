/** Hashes by a worker and without one: the same, and none is lost when the worker fails. */
import { afterEach, expect, test, vi } from 'vitest'
import { hashHex } from '../model/hash.ts'
import type { HashAsked, HashTold } from '../protocol.ts'
import { Hasher } from './hasher.ts'

/** Answers when it is told to. */
class FakeWorker {
  static readonly made: FakeWorker[] = []
  onmessage: ((event: { data: HashTold }) => void) | null = null
  onerror: (() => void) | null = null
  readonly asked: HashAsked[] = []
  ended = false
  constructor() {
    FakeWorker.made.push(this)
  }
  postMessage(message: HashAsked, transfer: ArrayBuffer[]) {
    this.asked.push(structuredClone(message, { transfer }))
  }
  terminate() {
    this.ended = true
  }
  async answer() {
    const { bytes } = this.asked.shift()!
    this.onmessage?.({ data: { hash: await hashHex(bytes), bytes } })
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
  FakeWorker.made.length = 0
})

const chunk = (value: number) => new Uint8Array(100).fill(value)

test('without workers a hash is made here', async () => {
  vi.stubGlobal('Worker', undefined)
  const bytes = chunk(1)
  await expect(new Hasher().hash(bytes)).resolves.toEqual({ hash: await hashHex(bytes), bytes })
})

test('a worker gets the buffer and gives it back; answers come in order', async () => {
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('self', { location: { href: 'http://h/engine.worker.js' } })
  const hasher = new Hasher()
  const [worker] = FakeWorker.made
  const given = [chunk(1), chunk(2)]
  const told = given.map((bytes) => hasher.hash(bytes))
  expect(given.map((bytes) => bytes.length)).toEqual([0, 0]) // gone, not copied
  await worker!.answer()
  await worker!.answer()
  for (const [i, one] of told.entries()) {
    const bytes = chunk(i + 1)
    await expect(one).resolves.toEqual({ hash: await hashHex(bytes), bytes })
  }
  hasher.close()
  expect(worker!.ended).toBe(true)
})

test('what a failed worker held is lost and said so; the next is hashed here', async () => {
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('self', { location: { href: 'http://h/engine.worker.js' } })
  const hasher = new Hasher()
  const lost = hasher.hash(chunk(1))
  FakeWorker.made[0]!.onerror!()
  await expect(lost).resolves.toBe(null)
  const bytes = chunk(3)
  await expect(hasher.hash(bytes)).resolves.toEqual({ hash: await hashHex(bytes), bytes })
  expect(FakeWorker.made).toHaveLength(1)
})
