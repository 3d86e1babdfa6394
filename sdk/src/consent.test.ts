import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NearfieldError } from './error.ts'
import { keptChunks } from './model/folder.ts'
import { keepManifest, type Manifest } from './model/manifest.ts'
import { Nearfield } from './nearfield.ts'
import { FakeOpfs } from './testing/fake_opfs.ts'
import { modelOf } from './testing/fake_server.ts'
import type { DownloadNeed, OpenOptions, Status } from './types.ts'
import { keepAdapter } from './worker/adapters.ts'

const { manifest: bare } = await modelOf(1000, 300)
const fix = { task: 'fix', file: 'fix.gguf', bytes: 50, sha256: bare.sha256 }
const fixUrl = 'http://host/m/fix.gguf'

let opfs: FakeOpfs
let manifest: Manifest
let asked: DownloadNeed[]
let fetched: string[]
let workers: number

class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null
  constructor() {
    workers++
  }
  postMessage(message: { kind: string; id?: number }) {
    if (message.kind !== 'call') return
    const data = { kind: 'value', id: message.id, value: { state: 'ready' } as Status }
    queueMicrotask(() => this.onmessage?.({ data }))
  }
  terminate() {}
}

beforeEach(() => {
  opfs = new FakeOpfs()
  manifest = { ...bare, adapters: [fix] }
  asked = []
  fetched = []
  workers = 0
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('document', { baseURI: 'http://host/' })
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => opfs.directory() } })
  vi.stubGlobal('fetch', async (url: string) => {
    fetched.push(url)
    return Response.json(manifest)
  })
})
afterEach(() => vi.unstubAllGlobals())

const marks = (...chunks: number[]) =>
  opfs.write(
    `nearfield/models/${manifest.sha256}/chunks`,
    Uint8Array.from([...chunks, ...Array(8).fill(0)]),
    0,
  )
const open = (answer: boolean | Promise<boolean>, more: Partial<OpenOptions> = {}) =>
  Nearfield.open({
    model: '/m/',
    consent: (need) => {
      asked.push(need)
      return answer
    },
    ...more,
  })

test('refused: a typed error, no worker, nothing fetched but the manifest', async () => {
  const refused = open(false)
  await expect(refused).rejects.toBeInstanceOf(NearfieldError)
  await expect(refused).rejects.toMatchObject({ code: 'cancelled' })
  expect(asked).toEqual([{ bytes: 1050, total: 1050, saveData: false }])
  expect(workers).toBe(0)
  expect(fetched).toEqual(['http://host/m/manifest.json'])
})

test('granted, at once or later', async () => {
  await open(true)
  await open(Promise.resolve(true))
  expect(workers).toBe(2)
})

test('what is stored is not counted; a user who saves data is told of', async () => {
  vi.stubGlobal('navigator', { ...navigator, connection: { saveData: true } })
  marks(1, 0, 0, 1)
  await open(true)
  await keepAdapter(fixUrl, fix.sha256, new Uint8Array(50))
  await open(true)
  expect(asked).toEqual([
    { bytes: 650, total: 1050, saveData: true },
    { bytes: 600, total: 1050, saveData: true },
  ])
})

test('an adapter kept in an older version is to be downloaded', async () => {
  marks(1, 1, 1, 1)
  await keepAdapter(fixUrl, 'ab'.repeat(32), new Uint8Array(50))
  await open(true)
  expect(asked).toEqual([{ bytes: 50, total: 1050, saveData: false }])
})

test('Node 20 has no navigator: asked all the same, but not of files that lie here', async () => {
  vi.stubGlobal('navigator', undefined)
  await open(true)
  await open(false, { model: 'file:///models/tiny/' })
  expect(asked).toEqual([{ bytes: 1050, total: 1050, saveData: false }])
  expect(workers).toBe(2)
})

test('nobody is asked when all of it is stored', async () => {
  marks(1, 1, 1, 1)
  await keepAdapter(fixUrl, fix.sha256, new Uint8Array(50))
  await open(false)
  expect(asked).toEqual([])
  expect(workers).toBe(1)
})

test('an abort ends the wait for an answer', async () => {
  const controller = new AbortController()
  const opening = open(new Promise(() => {}), { signal: controller.signal })
  await vi.waitFor(() => expect(asked.length).toBe(1))
  controller.abort()
  await expect(opening).rejects.toMatchObject({ name: 'AbortError' })
  expect(workers).toBe(0)
})

test('asked about a newer model: the one that is stored stays, and opens without the server', async () => {
  marks(1, 1, 1, 1)
  await keepManifest('http://host/m/', manifest)
  const old = manifest
  const { manifest: next } = await modelOf(1001, 300)
  manifest = next
  await expect(open(false)).rejects.toMatchObject({ code: 'cancelled' })
  await expect(Nearfield.availability({ model: '/m/' })).resolves.toBe('downloadable')
  expect(await keptChunks(old.sha256)).toBe(4)
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch')
  })
  await expect(Nearfield.availability({ model: '/m/' })).resolves.toBe('available')
})
