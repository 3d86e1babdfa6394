import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeOpfs } from '../testing/fake_opfs.ts'
import { modelOf } from '../testing/fake_server.ts'
import { chunkPlaces } from './chunks.ts'
import { modelFolder } from './folder.ts'
import { checkManifest, loadManifest, manifestUrl } from './manifest.ts'

const { manifest } = await modelOf(1000, 300)
const model = 'http://host/models/tiny'
let opfs: FakeOpfs

beforeEach(() => {
  opfs = new FakeOpfs()
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => opfs.directory() } })
})
afterEach(() => vi.unstubAllGlobals())
const serve = (answer: () => Response) => vi.stubGlobal('fetch', async () => answer())
const offline = () =>
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch')
  })

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
  serve(() => Response.json(manifest))
  await expect(loadManifest(model)).resolves.toEqual(manifest)
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

test('a model the server replaced is removed', async () => {
  serve(() => Response.json(manifest))
  await loadManifest(model)
  await (await modelFolder(manifest.sha256, true))!.getFileHandle('file', { create: true })
  const next = (await modelOf(1001, 300)).manifest
  serve(() => Response.json(next))
  await loadManifest(model)
  expect([...opfs.files.keys()].filter((f) => f.includes(manifest.sha256))).toEqual([])
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
