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
