import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { keepBytes, keptBytes } from './kept.ts'

const LIMITS = { files: 3, bytes: 100 }
const bytes = (n: number, fill = 1) => new Uint8Array(n).fill(fill)
const names = () => [...opfs.files.keys()].map((file) => file.replace('nearfield/things/', ''))

let opfs: FakeOpfs
beforeEach(() => {
  opfs = new FakeOpfs()
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => opfs.directory() } })
})
afterEach(() => vi.unstubAllGlobals())

test('kept, and written anew', async () => {
  expect(await keptBytes('things', 'a')).toBe(null)
  await keepBytes('things', 'a', bytes(50), LIMITS)
  await keepBytes('things', 'a', bytes(20, 7), LIMITS)
  expect(await keptBytes('things', 'a')).toEqual(bytes(20, 7))
})

test('too many files, too many bytes: the longest not written go', async () => {
  for (const name of ['a', 'b', 'c']) await keepBytes('things', name, bytes(10), LIMITS)
  await keepBytes('things', 'a', bytes(10), LIMITS)
  await keepBytes('things', 'd', bytes(10), LIMITS)
  expect(names().sort()).toEqual(['a', 'c', 'd'])
  await keepBytes('things', 'e', bytes(85), LIMITS)
  expect(names().sort()).toEqual(['d', 'e'])
  await keepBytes('things', 'f', bytes(101), LIMITS) // never fits
  expect(names().sort()).toEqual(['d', 'e'])
})

test('no room, no storage, another tab writes: nothing is kept and nothing fails', async () => {
  opfs.quota = 30
  await keepBytes('things', 'a', bytes(20), LIMITS)
  await keepBytes('things', 'b', bytes(40), LIMITS)
  expect(names()).toEqual(['a'])
  opfs.open.add('nearfield/things/a')
  await keepBytes('things', 'a', bytes(5), LIMITS)
  vi.stubGlobal('navigator', {})
  await keepBytes('things', 'a', bytes(20), LIMITS)
  expect(await keptBytes('things', 'a')).toBe(null)
})
