import { expect, test, vi } from 'vitest'
import { within } from './within.ts'

test('the value, the error in a line, or that there was no answer', async () => {
  expect(await within(async () => 7)).toBe(7)
  expect(await within(async () => Promise.reject(new TypeError('no')))).toBe(
    'failed: TypeError: no',
  )
  expect(
    await within(() => {
      throw new Error('at once')
    }),
  ).toBe('failed: Error: at once')
  vi.useFakeTimers()
  const hung = within(() => new Promise<never>(() => {}))
  await vi.advanceTimersByTimeAsync(2000)
  expect(await hung).toBe('no answer within 2 s')
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})
