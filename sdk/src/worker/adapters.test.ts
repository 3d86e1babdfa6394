/// <reference types="node" />
/** Adapters over the real wasm module and model, one thread, in node: opened, used, refused, and
 * opened again in an engine that takes another's place. */
import { afterEach, expect, test, vi } from 'vitest'
import { hashHex } from '../model/hash.ts'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { loraFile } from '../testing/lora.ts'
import { realEngine } from '../testing/real_wasm.ts'
import type { Adapter } from '../types.ts'
import { fetchAdapter, keepAdapter, listedAdapter } from './adapters.ts'
import type { Engine } from './engine.ts'
import { Host, type Ways } from './host.ts'
import { clockMs } from './runtime.ts'

const LINE = 'me and Dana was going to the libary on friday'
const { signal } = new AbortController()
const unused = async (): Promise<never> => {
  throw new Error('not part of this test')
}
let changes = 0
const engines: Engine[] = []
const ways: Ways = {
  model: { id: 'm', sha256: '' },
  offer: unused,
  async open() {
    const engine = await realEngine()
    engines.push(engine)
    return engine
  },
  keptChoice: unused,
  keepChoice: unused,
  changed: () => {
    changes++
  },
}
afterEach(() => vi.unstubAllGlobals())

test('an edit with an adapter, and without it again', async () => {
  const host = new Host(ways)
  await host.open('wasm', { signal, progress: () => {} })
  const edit = (adapter?: Adapter) =>
    host.edit({ task: 'fix', text: LINE, ...(adapter && { adapter }) }, signal, clockMs())
  const plain = await edit()
  const file = loraFile({
    'general.name': 'small',
    'nearfield.task': 'fix',
    'nearfield.system': 'Mend.',
  })
  const adapter = await host.adapter(file, signal)
  expect(adapter).toMatchObject({ name: 'small', task: 'fix', bytes: file.length })
  expect(adapter.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(host.where().adapters).toEqual([adapter])
  expect(changes).toBe(1)
  const tuned = await edit(adapter)
  expect(tuned.receipt.inputTokens).toBeLessThan(plain.receipt.inputTokens / 2) // its own prompt
  expect(plain.receipt.adapter).toBeNull()
  expect(tuned.receipt.adapter).toEqual({ name: 'small', sha256: adapter.sha256 })
  expect(tuned.receipt.cachedTokens).toBe(0) // nothing of the model without it
  expect((await edit(adapter)).receipt.cachedTokens).toBeGreaterThan(0)
  const again = await edit()
  expect([again.text, again.receipt.outputTokens]).toEqual([plain.text, plain.receipt.outputTokens])
  expect((await host.adapter(file, signal)).sha256).toBe(adapter.sha256) // the same one
  expect(host.where().adapters).toEqual([adapter])

  // an engine that has never seen it opens it from the host's bytes
  const other = await realEngine()
  const pass = { pass: async () => {} }
  const moved = await other.edit({ task: 'fix', text: LINE, adapter }, pass, file)
  expect(moved.text).toBe(tuned.text)

  for (const [bad, code] of [
    [file.slice(0, 2000), 'bad_input'],
    [new Uint8Array([1, 2, 3]), 'bad_input'],
    [loraFile({ 'nearfield.task': 'poetry' }), 'unsupported'],
  ] as const) {
    await expect(host.adapter(bad, signal)).rejects.toMatchObject({ code })
  }
  const shorten = host.edit({ task: 'shorten', text: LINE, adapter }, signal, clockMs())
  await expect(shorten).rejects.toMatchObject({ code: 'bad_input' })
  const unknown = { ...adapter, sha256: '0'.repeat(64) }
  await expect(edit(unknown)).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining('not open'),
  })
}, 120_000)

test('a file that cannot be had says why', async () => {
  vi.stubGlobal('fetch', async () => new Response('', { status: 404 }))
  await expect(fetchAdapter('http://h/a.gguf', signal)).rejects.toMatchObject({ code: 'network' })
  vi.stubGlobal('fetch', async () => new Response(''))
  await expect(fetchAdapter('http://h/a.gguf', signal)).rejects.toMatchObject({ code: 'bad_input' })
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('offline')
  })
  await expect(fetchAdapter('http://h/a.gguf', signal)).rejects.toMatchObject({ code: 'network' })
  const aborted = AbortSignal.abort()
  await expect(fetchAdapter('http://h/a.gguf', aborted)).rejects.toMatchObject({
    name: 'AbortError',
  })
})

test('without the server the file kept from the last time is taken, if it is whole', async () => {
  const opfs = new FakeOpfs()
  const navigator = { storage: { getDirectory: async () => opfs.directory() } }
  vi.stubGlobal('navigator', navigator)
  const file = loraFile({})
  const url = 'http://h/a.gguf'
  let answer = async (): Promise<Response> => new Response(file)
  vi.stubGlobal('fetch', () => answer())
  const fetched = await fetchAdapter(url, signal)
  await keepAdapter(url, await hashHex(fetched), fetched)
  const kept = [...opfs.files.keys()]
  expect(kept).toHaveLength(1)
  const written = new Map(opfs.times)
  await keepAdapter(url, await hashHex(fetched), fetched)
  expect(opfs.times).toEqual(written) // the same file is not written again
  answer = async () => {
    throw new TypeError('offline')
  }
  expect(await fetchAdapter(url, signal)).toEqual(file)
  answer = async () => new Response('', { status: 502 })
  expect(await fetchAdapter(url, signal)).toEqual(file)
  answer = async () => new Response('', { status: 404 }) // the server has it no more
  await expect(fetchAdapter(url, signal)).rejects.toMatchObject({ code: 'network' })
  answer = async () => {
    throw new TypeError('offline')
  }
  await expect(fetchAdapter('http://h/b.gguf', signal)).rejects.toMatchObject({ code: 'network' })
  opfs.files.get(kept[0]!)![1000]! ^= 4
  await expect(fetchAdapter(url, signal)).rejects.toMatchObject({ code: 'network' })
})

test('one that a manifest lists is the listed file, and is fetched once', async () => {
  const opfs = new FakeOpfs()
  const navigator = { storage: { getDirectory: async () => opfs.directory() } }
  vi.stubGlobal('navigator', navigator)
  const url = 'http://h/fix.gguf'
  const listedOf = async (file: Uint8Array<ArrayBuffer>) => ({
    task: 'fix',
    file: 'fix.gguf',
    bytes: file.length,
    sha256: await hashHex(file),
  })
  const file = loraFile({})
  const fetched = vi.fn(async () => new Response(file))
  vi.stubGlobal('fetch', fetched)
  for (let i = 0; i < 2; i++) {
    expect(await listedAdapter(url, await listedOf(file), signal)).toEqual(file)
  }
  expect(fetched).toHaveBeenCalledTimes(1)
  const next = loraFile({ 'general.name': 'next' })
  const wanted = await listedOf(next)
  await expect(listedAdapter(url, wanted, signal)).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining("the manifest's SHA-256"),
  })
  fetched.mockImplementation(async () => new Response(next))
  expect(await listedAdapter(url, wanted, signal)).toEqual(next)
})
