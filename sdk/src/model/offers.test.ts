import { afterEach, expect, test, vi } from 'vitest'
import { offeredModels } from './offers.ts'

const folder = new URL('http://host/models/')
afterEach(() => vi.unstubAllGlobals())
const serve = (answer: () => Response) => vi.stubGlobal('fetch', async () => answer())

test('names and sizes, from a server that was still starting', async () => {
  let asked = 0
  serve(() =>
    ++asked < 3
      ? new Response('', { status: 503, headers: { 'Retry-After': '0.01' } })
      : Response.json({ models: [{ name: 'a', bytes: 9, sha256: '' }, { name: 'b' }] }),
  )
  await expect(offeredModels(folder)).resolves.toEqual([
    { name: 'a', bytes: 9 },
    { name: 'b', bytes: 0 },
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
