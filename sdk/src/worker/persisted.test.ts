import { afterEach, beforeEach, expect, test, vi } from 'vitest'

let fresh: typeof import('./persisted.ts')
beforeEach(async () => {
  vi.resetModules()
  fresh = await import('./persisted.ts')
})
afterEach(() => vi.unstubAllGlobals())

const saying = (storage: unknown) => vi.stubGlobal('navigator', { storage })

test('what the browser says; false where it says nothing', async () => {
  const silent = [undefined, {}, { persisted: () => Promise.reject(new Error('a sandbox')) }]
  for (const storage of [...silent, { persisted: async () => false }]) {
    saying(storage)
    await fresh.lookWhetherPersisted()
    expect(fresh.isPersisted()).toBe(false)
  }
  saying({ persisted: async () => true })
  await fresh.lookWhetherPersisted()
  expect(fresh.isPersisted()).toBe(true)
})

test('what the page was granted meanwhile holds, whatever was read before', async () => {
  saying({ persisted: async () => false })
  const looking = fresh.lookWhetherPersisted()
  fresh.markPersisted()
  await looking
  expect(fresh.isPersisted()).toBe(true)
})
