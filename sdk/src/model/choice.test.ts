import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { choiceKey, keepChoice, keptChoice } from './choice.ts'

let opfs: FakeOpfs
beforeEach(() => {
  opfs = new FakeOpfs()
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => opfs.directory() } })
})
afterEach(() => vi.unstubAllGlobals())

test('stands as long as its key does, one a model', async () => {
  expect(await keptChoice('abc', 'chrome 1')).toBe(null)
  await keepChoice('abc', 'chrome 1', { backend: 'webgpu' })
  expect(await keptChoice('abc', 'chrome 1')).toEqual({ backend: 'webgpu' })
  expect(await keptChoice('abc', 'chrome 2')).toBe(null)
  expect(await keptChoice('def', 'chrome 1')).toBe(null)
  await keepChoice('abc', 'chrome 2', { backend: 'wasm' })
  expect(await keptChoice('abc', 'chrome 2')).toEqual({ backend: 'wasm' })
  expect([...opfs.files.keys()]).toEqual(['nearfield/choices/abc.json'])
})

test('no room, no storage, a damaged file: found out again', async () => {
  opfs.quota = 10
  await keepChoice('abc', 'chrome', { backend: 'webgpu' })
  expect(await keptChoice('abc', 'chrome')).toBe(null)
  opfs.files.set('nearfield/choices/abc.json', new TextEncoder().encode('{"key":"chr'))
  expect(await keptChoice('abc', 'chrome')).toBe(null)
  vi.stubGlobal('navigator', {})
  await keepChoice('abc', 'chrome', { backend: 'webgpu' })
  expect(await keptChoice('abc', 'chrome')).toBe(null)
})

test('another GPU, browser, number of threads or engine: found out again', async () => {
  const facts = { gpu: 'acme 1', userAgent: 'Chrome/140', threads: 4, engine: 'e1' }
  await keepChoice('abc', choiceKey(facts), { backend: 'webgpu' })
  const kept = (changed: Partial<typeof facts>) =>
    keptChoice('abc', choiceKey({ ...facts, ...changed }))
  expect(await kept({})).toEqual({ backend: 'webgpu' })
  for (const changed of [
    { gpu: 'acme 2' },
    { userAgent: 'Chrome/141' },
    { threads: 1 },
    { engine: 'e2' },
  ])
    expect(await kept(changed)).toBe(null)
})
