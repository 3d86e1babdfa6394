// @vitest-environment jsdom
import { Nearfield } from 'nearfield'
import { afterEach, expect, it, vi } from 'vitest'
import { createEngine } from './engine'
import { Model } from './model'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

it('a browser that keeps nothing for this page still finds the model', async () => {
  const blocked = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError')
  }
  vi.spyOn(Storage.prototype, 'getItem').mockImplementation(blocked)
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(blocked)
  vi.spyOn(Nearfield, 'models').mockResolvedValue([{ name: 'tiny', bytes: 7 }])
  vi.spyOn(Nearfield, 'availability').mockResolvedValue('downloadable')
  const model = new Model(createEngine(blocked))
  await model.look()
  expect(model.state).toMatchObject({ kind: 'absent', facts: { id: 'tiny', bytes: 7 } })
  expect(model.store.get().hasServer).toBe(false)
  vi.mocked(Nearfield.models).mockRejectedValue(new Error('offline'))
  expect((await createEngine(blocked).model()).id).toBe('smollm2-135m-instruct.q4_1')
})

it('what the server says an edit costs there is what the ledger and the router go by', async () => {
  const says = { edits: true, inputUsd: 0.15, outputUsd: 0.6 }
  vi.stubGlobal('fetch', async () => Response.json({ data: [], nearfield: says }))
  vi.spyOn(Nearfield, 'models').mockResolvedValue([{ name: 'tiny', bytes: 7 }])
  const open = vi.spyOn(Nearfield, 'open').mockRejectedValue(new Error('enough'))
  const engine = createEngine(() => null)
  expect(await engine.hasServer()).toBe(true)
  await expect(engine.open({ server: true })).rejects.toThrow('enough')
  const server = { url: '/v1', inputUsd: 0.15, outputUsd: 0.6 }
  expect(open).toHaveBeenCalledWith(expect.objectContaining({ server }))
})

it('a server that edits, one that does not, and one that is away', async () => {
  const replies: [boolean | null, () => Promise<Response>][] = [
    [true, async () => Response.json({ nearfield: { edits: true } })],
    [false, async () => Response.json({ nearfield: { edits: false } })],
    [false, async () => new Response('<!doctype html>')],
    [false, async () => new Response('', { status: 404 })],
    [null, async () => new Response('', { status: 502 })],
    [null, () => Promise.reject(new TypeError('Failed to fetch'))],
  ]
  for (const [edits, reply] of replies) {
    vi.stubGlobal('fetch', reply)
    expect(await createEngine(() => null).hasServer()).toBe(edits)
  }
})
