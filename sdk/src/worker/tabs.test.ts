import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { turnName } from '../model/room.ts'
import { FakeLocks } from '../testing/fake_locks.ts'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { FakeServer, modelOf } from '../testing/fake_server.ts'
import { Hasher } from './hasher.ts'
import { type Loaded, loadModel } from './load.ts'
import { Tabs } from './tabs.ts'

const CHUNK = 64
const { file, manifest } = await modelOf(10 * CHUNK + 9, CHUNK)

let opfs: FakeOpfs
let locks: FakeLocks
let server: FakeServer

beforeEach(() => {
  opfs = new FakeOpfs()
  locks = new FakeLocks()
  server = new FakeServer(file)
  sharing(true)
  vi.stubGlobal('navigator', { locks, storage: { getDirectory: async () => opfs.directory() } })
  vi.stubGlobal('fetch', server.fetch)
})
afterEach(() => vi.unstubAllGlobals())

function sharing(yes: boolean): void {
  opfs.sharing = yes
  vi.stubGlobal('FileSystemSyncAccessHandle', { prototype: yes ? { mode: '' } : {} })
}

interface Tab {
  /** Bytes that its engine has taken. */
  memory: number[]
  loaded: Promise<Loaded>
  close: AbortController
}

function openTab(): Tab {
  const close = new AbortController()
  const memory: number[] = []
  const loaded = loadModel({
    manifest,
    fileUrl: 'http://host/tiny.gguf',
    hasher: new Hasher(),
    into: async (bytes) => void memory.push(...bytes),
    onProgress: () => {},
    signal: close.signal,
  })
  loaded.catch(() => {})
  return { memory, loaded, close }
}
const right = ({ memory }: Tab) => expect(Uint8Array.from(memory)).toEqual(file)

describe.each([true, false])('tabs over one file (handles share: %s)', (shares) => {
  beforeEach(() => sharing(shares))

  test.each([2, 3, 4, 5])('%i at once: each byte is fetched once', async (n) => {
    const tabs = Array.from({ length: n }, openTab)
    const loaded = await Promise.all(tabs.map((tab) => tab.loaded))
    tabs.forEach(right)
    expect(loaded.map(({ kept }) => kept)).toEqual(tabs.map(() => true))
    expect(loaded.reduce((sum, { fetchedBytes }) => sum + fetchedBytes, 0)).toBe(file.length)
    expect(server.sent).toBe(file.length)
    expect(locks.held).toEqual([])
    expect(opfs.open.size + opfs.shared.size).toBe(0)
  })

  test('the one that downloads ends, anywhere: the next goes on, at most a chunk twice', async () => {
    for (let cut = 0; cut < file.length; cut += 29) {
      opfs = new FakeOpfs()
      sharing(shares)
      server.sent = 0
      const tabs = [openTab(), openTab(), openTab()]
      server.onPiece = () => {
        if (server.sent >= cut) tabs[0]!.close.abort()
      }
      await expect(tabs[0]!.loaded).rejects.toMatchObject({ name: 'AbortError' })
      await Promise.all(tabs.slice(1).map((tab) => tab.loaded))
      tabs.slice(1).forEach(right)
      expect(server.sent - file.length).toBeLessThan(CHUNK)
      server.onPiece = () => {}
    }
    expect(locks.held).toEqual([])
  })

  test('full at any point: each works from memory, and nobody waits for another', async () => {
    for (let quota = 0; quota < file.length; quota += 83) {
      opfs = new FakeOpfs()
      sharing(shares)
      opfs.quota = quota
      const tabs = [openTab(), openTab()]
      const loaded = await Promise.all(tabs.map((tab) => tab.loaded))
      tabs.forEach(right)
      expect(loaded.map(({ kept }) => kept)).toEqual([false, false])
      expect(opfs.used()).toBe(0)
    }
  })
})

test('one that waits reads each chunk as soon as it is kept', async () => {
  let goOn: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => {
    const { body, status, headers } = await server.fetch(url, init)
    const held = new TransformStream<Uint8Array, Uint8Array>({
      async transform(piece, controller) {
        if (server.sent > 6 * CHUNK) await gate
        controller.enqueue(piece)
      },
    })
    return new Response(body?.pipeThrough(held), { status, headers })
  })
  const tabs = [openTab(), openTab()]
  await vi.waitFor(() => expect(tabs[1]!.memory.length).toBeGreaterThanOrEqual(5 * CHUNK))
  expect(tabs[1]!.memory.length).toBeLessThan(file.length)
  goOn()
  await Promise.all(tabs.map((tab) => tab.loaded))
  tabs.forEach(right)
  expect(server.sent).toBe(file.length)
})

test('one that waits ends when it is aborted', async () => {
  const leading = new Tabs(manifest.sha256, new AbortController().signal)
  await leading.turn()
  const tab = openTab()
  await vi.waitFor(() =>
    expect(locks.waiting.map(({ name }) => name)).toEqual([turnName(manifest.sha256)]),
  )
  tab.close.abort()
  await expect(tab.loaded).rejects.toMatchObject({ name: 'AbortError' })
  expect(locks.waiting).toEqual([])
  leading.close()
})

test('a wrong chunk, found by two at once, is fetched once', async () => {
  await openTab().loaded
  opfs.files.get(`nearfield/models/${manifest.sha256}/file`)![3 * CHUNK]! ^= 4
  server.sent = 0
  const tabs = [openTab(), openTab()]
  await Promise.all(tabs.map((tab) => tab.loaded))
  tabs.forEach(right)
  expect(server.sent).toBe(CHUNK)
})
