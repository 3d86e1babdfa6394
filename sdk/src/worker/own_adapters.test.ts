import { afterEach, expect, test, vi } from 'vitest'
import { NearfieldError } from '../error.ts'
import type { EditArgs } from '../protocol.ts'
import type { Adapter, EditResult } from '../types.ts'
import { OwnAdapters } from './own_adapters.ts'

const listed = [{ task: 'fix', file: 'fix.gguf', bytes: 3, sha256: 'a'.repeat(64) }]
const own: Adapter = { sha256: 'a'.repeat(64), name: 'own', task: 'fix', bytes: 3 }
const other: Adapter = { ...own, sha256: 'b'.repeat(64), name: 'other' }
const args: EditArgs = { task: 'fix', text: 'it are' }
const { signal } = new AbortController()
let asked: EditArgs[] = []
afterEach(() => {
  asked = []
  vi.restoreAllMocks()
})

async function run(args: EditArgs): Promise<EditResult> {
  asked.push(args)
  return { text: args.text, receipt: { adapterProblem: '' } } as unknown as EditResult
}

test('an edit that names none has the own one of its task; named, none and other tasks stay', async () => {
  const get = vi.fn(async () => own)
  const adapters = new OwnAdapters(listed, get)
  adapters.start()
  expect(get).toHaveBeenCalledTimes(1) // before anybody edits
  const each: EditArgs[] = [
    args,
    { ...args, adapter: other },
    { ...args, adapter: null },
    { ...args, task: 'shorten' },
  ]
  for (const one of each) {
    expect((await adapters.edit(one, signal, run)).receipt.adapterProblem).toBe('')
  }
  expect(asked.map((one) => one.adapter)).toEqual([own, other, null, undefined])
  expect(get).toHaveBeenCalledTimes(1)
})

test('one that cannot be had: the model alone, with the reason, and asked for again later', async () => {
  let nowMs = 1000
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const get = vi.fn(async (): Promise<Adapter> => {
    throw new NearfieldError('network', 'http://h/fix.gguf: the server answered 404')
  })
  const adapters = new OwnAdapters(listed, get)
  for (let i = 0; i < 2; i++) {
    const { receipt } = await adapters.edit(args, signal, run)
    expect(receipt.adapterProblem).toBe('http://h/fix.gguf: the server answered 404')
  }
  expect(asked).toEqual([args, args])
  expect(get).toHaveBeenCalledTimes(1) // no loop
  nowMs += 60_000
  get.mockImplementation(async () => own)
  expect((await adapters.edit(args, signal, run)).receipt.adapterProblem).toBe('')
  expect(asked.at(-1)?.adapter).toBe(own)
  expect(get).toHaveBeenCalledTimes(2)
})

test('an edit that is given up does not wait for it', async () => {
  const adapters = new OwnAdapters(listed, () => new Promise(() => {}))
  const abort = new AbortController()
  const waiting = adapters.edit(args, abort.signal, run)
  abort.abort()
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  await expect(adapters.edit(args, abort.signal, run)).rejects.toMatchObject({ name: 'AbortError' })
  expect(asked).toEqual([])
})
