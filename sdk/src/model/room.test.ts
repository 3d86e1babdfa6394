import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeLocks } from '../testing/fake_locks.ts'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { holdModel, makeRoom } from './room.ts'

let opfs: FakeOpfs
const locks = new FakeLocks()
const models = ['old', 'middle', 'new']

beforeEach(() => {
  opfs = new FakeOpfs()
  for (const name of models) {
    opfs.write(`nearfield/models/${name}/file`, new Uint8Array(100), 0)
    opfs.write(`nearfield/models/${name}/chunks`, new Uint8Array(2), 0)
  }
  const estimate = async () => ({ quota: 400, usage: opfs.used() })
  const getDirectory = async () => opfs.directory()
  vi.stubGlobal('navigator', { locks, storage: { getDirectory, estimate } })
})
afterEach(() => vi.unstubAllGlobals())

const kept = () => models.filter((name) => opfs.files.has(`nearfield/models/${name}/file`))

test('enough: nothing goes', async () => {
  await expect(makeRoom(94, 'wanted')).resolves.toBe(true)
  expect(kept()).toEqual(models)
})

test('the longest not used go first, no more than needed', async () => {
  await expect(makeRoom(95, 'wanted')).resolves.toBe(true)
  expect(kept()).toEqual(['middle', 'new'])
  opfs.write('nearfield/models/middle/chunks', new Uint8Array(1), 2) // used again
  await expect(makeRoom(250, 'wanted')).resolves.toBe(true)
  expect(kept()).toEqual(['middle'])
})

test('not the model itself, and none in vain', async () => {
  await expect(makeRoom(295, 'new')).resolves.toBe(false)
  expect(kept()).toEqual(models)
})

test('none that a tab uses', async () => {
  holdModel('old')
  await vi.waitFor(() => expect(locks.held.length).toBe(1))
  await expect(makeRoom(150, 'wanted')).resolves.toBe(true)
  expect(kept()).toEqual(['old', 'new'])
  await expect(makeRoom(390, 'wanted')).resolves.toBe(false)
  expect(kept()).toEqual(['old'])
})

test('a browser that tells nothing is believed to have room; without locks nothing goes', async () => {
  const getDirectory = async () => opfs.directory()
  vi.stubGlobal('navigator', { storage: { getDirectory } })
  await expect(makeRoom(1e12, 'wanted')).resolves.toBe(true)
  const estimate = async () => ({ quota: 400, usage: opfs.used() })
  vi.stubGlobal('navigator', { storage: { getDirectory, estimate } })
  await expect(makeRoom(200, 'wanted')).resolves.toBe(false)
  expect(kept()).toEqual(models)
})
