import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeLocks } from '../testing/fake_locks.ts'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { holdModel, makeRoom } from './room.ts'

let opfs: FakeOpfs
const locks = new FakeLocks()
const models = ['old', 'middle', 'new']

beforeEach(() => {
  opfs = new FakeOpfs()
  for (const [i, name] of models.entries()) {
    opfs.write(`nearfield/models/${name}/file`, new Uint8Array(90), 0)
    used(name, i)
  }
  const estimate = async () => ({ quota: 400, usage: opfs.used() })
  const getDirectory = async () => opfs.directory()
  vi.stubGlobal('navigator', { locks, storage: { getDirectory, estimate } })
})
afterEach(() => vi.unstubAllGlobals())

/** Last used then. */
function used(name: string, ms: number) {
  const marks = new Uint8Array(10).fill(1)
  new DataView(marks.buffer).setFloat64(2, ms, true)
  opfs.write(`nearfield/models/${name}/chunks`, marks, 0)
}
const kept = () => models.filter((name) => opfs.files.has(`nearfield/models/${name}/file`))

test('enough: nothing goes', async () => {
  await expect(makeRoom(100, 'wanted')).resolves.toBe(true)
  expect(kept()).toEqual(models)
})

test('the longest not used go first, no more than needed', async () => {
  await expect(makeRoom(101, 'wanted')).resolves.toBe(true)
  expect(kept()).toEqual(['middle', 'new'])
  used('middle', 3)
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
  await expect(makeRoom(375, 'wanted')).resolves.toBe(false)
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
