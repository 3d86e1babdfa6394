/// <reference types="node" />
/** Prefixes over the real wasm module and model, one thread, in node: a second engine with what the
 * first one kept answers as the first one did, and nothing in the storage can change that. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { loraFile } from '../testing/lora.ts'
import { realEngine } from '../testing/real_wasm.ts'
import type { Adapter, EditResult } from '../types.ts'
import { Host, type Ways } from './host.ts'
import { clockMs } from './runtime.ts'

const LINES = ['me and Dana was going to the libary on friday', 'Its raining.']
const PREFIX = 'nearfield/prefixes/'
const { signal } = new AbortController()
const unused = async (): Promise<never> => {
  throw new Error('not part of this test')
}
const lora = loraFile({ 'nearfield.task': 'fix', 'nearfield.system': 'Mend the caption.' })

const opfs = new FakeOpfs()
/** Of the tab that came first, with nothing stored. */
let first: EditResult[]
beforeAll(async () => {
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => opfs.directory() } })
  first = await tab()
  await vi.waitFor(() => expect(prefixes()).toHaveLength(2))
}, 120_000)
afterAll(() => vi.unstubAllGlobals())

/** A tab: it opens, edits every line without and with the adapter, and is gone. */
async function tab(): Promise<EditResult[]> {
  const ways: Ways = {
    model: { id: 'm', sha256: '' },
    offer: unused,
    open: async () => {
      const { navigator } = globalThis // realEngine stubs and unstubs globals
      const engine = await realEngine('model build')
      vi.stubGlobal('navigator', navigator)
      return engine
    },
    keptChoice: unused,
    keepChoice: unused,
    changed: () => {},
  }
  const host = new Host(ways)
  await host.open('wasm', { signal, progress: () => {} })
  const adapter = await host.adapter(lora, signal)
  const results: EditResult[] = []
  for (const text of LINES) {
    for (const with_ of [undefined, adapter] as (Adapter | undefined)[]) {
      const request = { task: 'fix' as const, text, ...(with_ && { adapter: with_ }) }
      results.push(await host.edit(request, signal, clockMs()))
    }
  }
  return results
}
const prefixes = () => [...opfs.files.keys()].filter((file) => file.startsWith(PREFIX))
const lengths = () =>
  prefixes()
    .map((name) => opfs.files.get(name)!.length)
    .sort()
/** All of a result but times and what a cache saves. */
const answers = (results: EditResult[]) =>
  results.map(({ receipt, ...result }) => {
    const { inputTokens, outputTokens, drafted, accepted, forced } = receipt
    return { ...result, inputTokens, outputTokens, drafted, accepted, forced }
  })
const cached = (results: EditResult[]) => results.map(({ receipt }) => receipt.cachedTokens)

test('after a reload nothing of a prompt is computed again, with and without an adapter', async () => {
  expect(cached(first).slice(0, 2)).toEqual([0, 0])
  for (const name of prefixes()) {
    expect(name.slice(PREFIX.length)).toMatch(/^[0-9a-f]{64}$/)
    expect(opfs.files.get(name)!.length).toBeGreaterThan(100_000)
  }
  const written = new Map(opfs.times)
  const again = await tab()
  expect(answers(again)).toEqual(answers(first))
  expect(
    cached(again)
      .slice(0, 2)
      .every((n) => n > 0),
  ).toBe(true)
  expect(cached(again).slice(2)).toEqual(cached(first).slice(2))
  expect(opfs.times).toEqual(written) // and nothing was written again
}, 120_000)

test('damaged files and no room: the same answers, computed; with room, written anew', async () => {
  const whole = lengths()
  const [flipped, cut] = prefixes()
  opfs.files.get(flipped!)![50_000]! ^= 1
  opfs.files.set(cut!, opfs.files.get(cut!)!.slice(0, 70))
  opfs.quota = 1000
  const again = await tab()
  expect(answers(again)).toEqual(answers(first))
  expect(cached(again)).toEqual(cached(first))
  await vi.waitFor(() => expect(prefixes()).toEqual([])) // what is half written is taken away
  opfs.quota = Number.POSITIVE_INFINITY
  await tab()
  await vi.waitFor(() => expect(lengths()).toEqual(whole))
}, 120_000)
