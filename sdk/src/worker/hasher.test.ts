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
    const { bytes, chunkBytes } = this.asked.shift()!
    this.onmessage?.({ data: { hashes: await hashes(bytes, chunkBytes), bytes } })
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
  FakeWorker.made.length = 0
})

const chunk = (value: number) => new Uint8Array(100).fill(value)
const hashes = (bytes: Uint8Array<ArrayBuffer>, size: number) =>
  Promise.all(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      hashHex(bytes.subarray(i * size, (i + 1) * size)),
    ),
  )

test('without workers a hash is made here', async () => {
  vi.stubGlobal('Worker', undefined)
  const bytes = chunk(1)
  const told = await new Hasher().hash(bytes, 30)
  expect(told).toEqual({ hashes: await hashes(bytes, 30), bytes })
  expect(told!.hashes).toHaveLength(4) // the last of 10 bytes
})

test('a worker gets the buffer and gives it back; answers come in order', async () => {
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('self', { location: { href: 'http://h/engine.worker.js' } })
  const hasher = new Hasher()
  const [worker] = FakeWorker.made
  const given = [chunk(1), chunk(2)]
  const told = given.map((bytes) => hasher.hash(bytes, 40))
  expect(given.map((bytes) => bytes.length)).toEqual([0, 0]) // gone, not copied
  await worker!.answer()
  await worker!.answer()
  for (const [i, one] of told.entries()) {
    const bytes = chunk(i + 1)
    await expect(one).resolves.toEqual({ hashes: await hashes(bytes, 40), bytes })
  }
  hasher.close()
  expect(worker!.ended).toBe(true)
})

test('what a failed worker held is lost and said so; the next is hashed here', async () => {
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('self', { location: { href: 'http://h/engine.worker.js' } })
  const hasher = new Hasher()
  const lost = hasher.hash(chunk(1), 100)
  FakeWorker.made[0]!.onerror!()
  await expect(lost).resolves.toBe(null)
  const bytes = chunk(3)
  await expect(hasher.hash(bytes, 100)).resolves.toEqual({
    hashes: await hashes(bytes, 100),
    bytes,
  })
  expect(FakeWorker.made).toHaveLength(1)
})
