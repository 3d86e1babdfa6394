import { afterEach, expect, test, vi } from 'vitest'
import { modelOf } from '../testing/fake_server.ts'
import { offeredModels } from './offers.ts'

const folder = new URL('http://host/models/')
afterEach(() => vi.unstubAllGlobals())
const serve = (answer: () => Response) => vi.stubGlobal('fetch', async () => answer())

test('names and sizes, from a server that is still starting', async () => {
  const { manifest } = await modelOf(1000, 300)
  let asked = 0
  const late = () => new Response('', { status: 503, headers: { 'Retry-After': '0.01' } })
  vi.stubGlobal('fetch', async (url: string) => {
    if (++asked % 3 !== 0) return late()
    if (url.endsWith('/tiny/manifest.json')) return Response.json(manifest)
    const models = [
      { name: 'a', bytes: 9 },
      { name: 'tiny', bytes: null },
    ]
    return Response.json({ models })
  })
  await expect(offeredModels(folder)).resolves.toEqual([
    { name: 'a', bytes: 9 },
    { name: 'tiny', bytes: 1000 },
  ])
})

test.each([
  ['network', () => new Response('', { status: 404 })],
  ['bad_input', () => new Response('<!doctype html>')],
  ['bad_input', () => Response.json({ models: [{}] })],
])('%s: one line', async (code, answer) => {
  serve(answer)
  await expect(offeredModels(folder)).rejects.toMatchObject({ code })
})
