import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeLocks } from '../testing/fake_locks.ts'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { modelOf } from '../testing/fake_server.ts'
import { chunkPlaces } from './chunks.ts'
import { modelFolder } from './folder.ts'
import {
  checkManifest,
  keepManifest,
  loadManifest,
  type Manifest,
  manifestUrl,
} from './manifest.ts'
import { holdModel } from './room.ts'

const { manifest } = await modelOf(1000, 300)
const { manifest: next } = await modelOf(1001, 300)
const model = 'http://host/models/tiny'
let opfs: FakeOpfs
let locks: FakeLocks

beforeEach(() => {
  opfs = new FakeOpfs()
  locks = new FakeLocks()
  vi.stubGlobal('navigator', { locks, storage: { getDirectory: async () => opfs.directory() } })
})
afterEach(() => vi.unstubAllGlobals())
const serve = (answer: () => Response) => vi.stubGlobal('fetch', async () => answer())
const offline = () =>
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch')
  })
/** As the worker does with one that it has opened. */
async function loadAndKeep(offered: Manifest) {
  serve(() => Response.json(offered))
  const loaded = await loadManifest(model)
  await (await modelFolder(loaded.sha256, true))!.getFileHandle('file', { create: true })
  await keepManifest(model, loaded)
}

test('a folder with and without its slash', () => {
  expect(manifestUrl(model)).toBe('http://host/models/tiny/manifest.json')
  expect(manifestUrl(`${model}/`)).toBe('http://host/models/tiny/manifest.json')
})

test.each([
  ['null', null],
  ['no name', { ...manifest, name: 3 }],
  ['no file', { ...manifest, file: '' }],
  ['size 0', { ...manifest, bytes: 0 }],
  ['a fraction', { ...manifest, chunk_bytes: 1.5 }],
  ['a chunk missing', { ...manifest, chunks: manifest.chunks.slice(1) }],
  ['a bad hash', { ...manifest, chunks: manifest.chunks.map((c) => c.slice(1)) }],
  ['adapters that are no list', { ...manifest, adapters: {} }],
  [
    'an adapter without its hash',
    { ...manifest, adapters: [{ task: 'fix', file: 'f', bytes: 1 }] },
  ],
  ['a bad file hash', { ...manifest, sha256: 'zz' }],
])('refused: %s', (_, value) => {
  expect(() => checkManifest(value, 'u')).toThrow(expect.objectContaining({ code: 'bad_input' }))
})

test('adapters are optional', () => {
  const adapters = [{ task: 'fix', file: 'fix.gguf', bytes: 1, sha256: manifest.sha256 }]
  expect(checkManifest({ ...manifest, adapters }, 'u').adapters).toEqual(adapters)
  expect(checkManifest(manifest, 'u').adapters).toBeUndefined()
})

test('kept for a start without network', async () => {
  await loadAndKeep(manifest)
  offline()
  await expect(loadManifest(model)).resolves.toEqual(manifest)
  serve(() => new Response('', { status: 503 }))
  await expect(loadManifest(model)).resolves.toEqual(manifest)
  await expect(loadManifest('http://host/other')).rejects.toMatchObject({ code: 'network' })
})

test('a server still reading the model is asked again', async () => {
  let asked = 0
  serve(() =>
    ++asked < 3
      ? new Response('', { status: 503, headers: { 'Retry-After': '0.01' } })
      : Response.json(manifest),
  )
  await expect(loadManifest(model)).resolves.toEqual(manifest)
  expect(asked).toBe(3)
})

test('one line for each way it can be absent', async () => {
  offline()
  await expect(loadManifest(model)).rejects.toMatchObject({ code: 'network' })
  serve(() => new Response('', { status: 404 }))
  await expect(loadManifest(model)).rejects.toThrow(
    'http://host/models/tiny/manifest.json: the server answered 404',
  )
  serve(() => new Response('<!doctype html>'))
  await expect(loadManifest(model)).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining('not JSON'),
  })
})

test('looking changes nothing in storage', async () => {
  await loadAndKeep(manifest)
  const before = new Map(opfs.files)
  serve(() => Response.json(next))
  await expect(loadManifest(model)).resolves.toEqual(next)
  await expect(loadManifest('http://host/other')).resolves.toEqual(next)
  expect(opfs.files).toEqual(before)
})

describe('a model the server replaced', () => {
  const files = () => [...opfs.files.keys()].filter((f) => f.includes(manifest.sha256))

  test('is removed when the new one is kept', async () => {
    await loadAndKeep(manifest)
    await keepManifest(model, manifest)
    expect(files()).toHaveLength(1)
    await loadAndKeep(next)
    expect(files()).toEqual([])
  })

  test('stays while a tab uses it', async () => {
    await loadAndKeep(manifest)
    holdModel(manifest.sha256)
    await vi.waitFor(() => expect(locks.held.length).toBe(1))
    await loadAndKeep(next)
    expect(files()).toHaveLength(1)
  })

  test('stays when only its adapters are others', async () => {
    await loadAndKeep(manifest)
    const adapters = [{ task: 'fix', file: 'fix.gguf', bytes: 1, sha256: manifest.sha256 }]
    await loadAndKeep({ ...manifest, adapters })
    expect(files()).toHaveLength(1)
    offline()
    await expect(loadManifest(model)).resolves.toEqual({ ...manifest, adapters })
  })
})

test('chunks cover the file without gap or overlap', () => {
  const places = chunkPlaces(manifest)
  expect(places.map((p) => [p.offset, p.length])).toEqual([
    [0, 300],
    [300, 300],
    [600, 300],
    [900, 100],
  ])
})
