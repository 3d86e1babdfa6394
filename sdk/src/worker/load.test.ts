import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { keptChunks } from '../model/folder.ts'
import type { Progress } from '../protocol.ts'
import { FakeLocks } from '../testing/fake_locks.ts'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { FakeServer, modelOf } from '../testing/fake_server.ts'
import { Hasher } from './hasher.ts'
import { loadModel } from './load.ts'

const CHUNK = 64
const { file, manifest } = await modelOf(10 * CHUNK + 9, CHUNK)
const fileName = `nearfield/models/${manifest.sha256}/file`

let opfs: FakeOpfs
let server: FakeServer
let memory: Uint8Array
let progress: Progress[]

beforeEach(() => {
  opfs = new FakeOpfs()
  server = new FakeServer(file)
  withStorage(async () => opfs.directory())
  vi.stubGlobal('fetch', (url: string, init?: RequestInit) => server.fetch(url, init))
})
afterEach(() => vi.unstubAllGlobals())

function withStorage(getDirectory: () => Promise<FileSystemDirectoryHandle>) {
  vi.stubGlobal('navigator', { storage: { getDirectory } })
}

function load(signal = new AbortController().signal) {
  memory = new Uint8Array(file.length)
  let at = 0
  progress = []
  return loadModel({
    manifest,
    fileUrl: 'http://host/tiny.gguf',
    hasher: new Hasher(),
    into: async (bytes) => {
      await Promise.resolve() // the bytes stand until it resolves
      memory.set(bytes, at)
      at += bytes.length
    },
    onProgress: (p) => progress.push(p),
    signal,
  })
}

describe('from the network', () => {
  test('every byte is fetched once, kept, and reported from 0 to the total', async () => {
    await expect(load()).resolves.toMatchObject({ kept: true, fetchedBytes: file.length })
    expect(memory).toEqual(file)
    expect(opfs.files.get(fileName)).toEqual(file)
    expect(await keptChunks(manifest.sha256)).toBe(11)
    expect(server.ranges).toEqual([`bytes=0-${file.length - 1}`])
    expect(progress[0]).toEqual({ loaded: 0, total: file.length, stage: 'download' })
    expect(progress.at(-1)).toEqual({ loaded: file.length, total: file.length, stage: 'download' })
    expect(opfs.open.size).toBe(0)
  })

  test("bytes that are not the manifest's are refused and not kept", async () => {
    server.file = file.slice()
    server.file[3 * CHUNK + 5]! ^= 1
    await expect(load()).rejects.toMatchObject({
      code: 'bad_input',
      message: expect.stringContaining('bytes 192 to 256'),
    })
    expect(await keptChunks(manifest.sha256)).toBe(3)
  })

  test('a server without ranges is understood', async () => {
    server.cutAt = 5 * CHUNK + 1
    await expect(load()).rejects.toMatchObject({ code: 'network' })
    server.cutAt = Number.POSITIVE_INFINITY
    server.honoursRange = false
    await expect(load()).resolves.toMatchObject({
      kept: true,
      fetchedBytes: file.length - 5 * CHUNK,
    })
    expect(memory).toEqual(file)
  })

  test('a server that answers another range is refused', async () => {
    server.cutAt = 5 * CHUNK
    await expect(load()).rejects.toMatchObject({ code: 'network' })
    vi.stubGlobal(
      'fetch',
      async () =>
        new Response(file, {
          status: 206,
          headers: { 'content-range': `bytes 0-${file.length - 1}/${file.length}` },
        }),
    )
    await expect(load()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('sent byte 0'),
    })
  })
})

describe('a cut download', () => {
  test.each([false, true])(
    'resumes wherever it was cut, at most one chunk twice (silent: %s)',
    async (silent) => {
      for (let cut = 0; cut < file.length; cut += 13) {
        opfs = new FakeOpfs()
        server = new FakeServer(file)
        server.cutAt = cut
        server.cutSilently = silent
        await expect(load()).rejects.toMatchObject({ code: 'network' })
        expect(opfs.open.size).toBe(0)
        server.cutAt = Number.POSITIVE_INFINITY
        await load()
        expect(memory).toEqual(file)
        expect(server.sent - file.length).toBeLessThanOrEqual(CHUNK)
      }
    },
  )

  test('an abort rejects with its reason and keeps what came', async () => {
    const controller = new AbortController()
    server.onPiece = () => {
      if (server.sent > 4 * CHUNK) controller.abort()
    }
    await expect(load(controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
    expect(opfs.open.size).toBe(0)
    expect(await keptChunks(manifest.sha256)).toBe(4)
  })
})

describe('from storage', () => {
  test('nothing is fetched', async () => {
    await load()
    server.ranges = []
    await expect(load()).resolves.toMatchObject({ kept: true, fetchedBytes: 0 })
    expect(server.ranges).toEqual([])
    expect(memory).toEqual(file)
    expect([...new Set(progress.map((p) => p.stage))]).toEqual(['load'])
  })

  test('any flipped bit is found and only its chunk is fetched again', async () => {
    await load()
    for (let trial = 0; trial < 200; trial++) {
      const at = (trial * 7919) % file.length
      opfs.files.get(fileName)![at]! ^= 1 << (trial % 8)
      server.sent = 0
      await load()
      expect(memory).toEqual(file)
      const chunk = Math.floor(at / CHUNK)
      expect(server.sent).toBe(Math.min(CHUNK, file.length - chunk * CHUNK))
      expect(opfs.files.get(fileName)).toEqual(file)
    }
  })

  test('a file cut short is completed', async () => {
    await load()
    opfs.files.set(fileName, file.slice(0, 4 * CHUNK + 3))
    await expect(load()).resolves.toMatchObject({
      kept: true,
      fetchedBytes: file.length - 4 * CHUNK,
    })
    expect(memory).toEqual(file)
  })
})

describe('without storage', () => {
  test('full at any point: the model works from memory and the space is given back', async () => {
    for (let quota = 0; quota < file.length; quota += 61) {
      opfs = new FakeOpfs()
      opfs.quota = quota
      await expect(load()).resolves.toMatchObject({ kept: false, fetchedBytes: file.length })
      expect(memory).toEqual(file)
      expect(opfs.used()).toBe(0)
    }
  })

  test('none at all (private window): works from memory', async () => {
    withStorage(async () => {
      throw new DOMException('denied', 'SecurityError')
    })
    await expect(load()).resolves.toMatchObject({ kept: false, fetchedBytes: file.length })
    expect(memory).toEqual(file)
  })

  test.each([
    ['QuotaExceededError', false],
    ['InvalidStateError', true],
  ])(
    'a write that fails as %s: works from memory; another model stays: %s',
    async (name, stays) => {
      const other = 'nearfield/models/other/file'
      opfs.write(other, new Uint8Array(9), 0)
      const getDirectory = async () => opfs.directory()
      vi.stubGlobal('navigator', { locks: new FakeLocks(), storage: { getDirectory } })
      const write = opfs.write.bind(opfs)
      opfs.write = (path, bytes, at) => {
        if (path === fileName && at === 3 * CHUNK) throw new DOMException('not written', name)
        return write(path, bytes, at)
      }
      await expect(load()).resolves.toMatchObject({ kept: false, fetchedBytes: file.length })
      expect(memory).toEqual(file)
      expect(opfs.files.has(other)).toBe(stays)
    },
  )

  test('a sandboxed frame may not lock: works from memory', async () => {
    const denied = async () => {
      throw new DOMException('denied', 'SecurityError')
    }
    vi.stubGlobal('navigator', { storage: { getDirectory: denied }, locks: { request: denied } })
    await expect(load()).resolves.toMatchObject({ kept: false, fetchedBytes: file.length })
    expect(memory).toEqual(file)
  })

  test('held by another tab in a browser without locks: works from memory', async () => {
    await load()
    opfs.open.add(fileName)
    await expect(load()).resolves.toMatchObject({ kept: false, fetchedBytes: file.length })
  })

  test('not a secure page: a clear error', async () => {
    vi.stubGlobal('crypto', {})
    await expect(load()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('https'),
    })
  })
})
