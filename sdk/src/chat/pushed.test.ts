import { expect, test, vi } from 'vitest'
import { Pushed } from './pushed.ts'

test('several next() at once: each settles, in the order they were asked', async () => {
  const values = new Pushed<string>(() => {})
  const asked = [values.next(), values.next(), values.next(), values.next()]
  values.push('a')
  const late = values.next() // behind those that wait
  values.push('b')
  values.fail(new Error('cut'))
  const settled = await Promise.allSettled([...asked, late])
  expect(
    settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message)),
  ).toEqual([
    { done: false, value: 'a' },
    { done: false, value: 'b' },
    'cut',
    { done: true, value: undefined },
    { done: true, value: undefined },
  ])
})

test('values that came before the end are read before it', async () => {
  const values = new Pushed<number>(() => {})
  values.push(1)
  values.fail(new Error('cut'))
  values.push(2) // after the end
  await expect(values.next()).resolves.toEqual({ done: false, value: 1 })
  await expect(values.next()).rejects.toThrow('cut')
  await expect(values.next()).resolves.toEqual({ done: true, value: undefined })
})

test('return() ends who waits and drops what is unread or still comes', async () => {
  const onReturn = vi.fn()
  const values = new Pushed<number>(onReturn)
  const waiting = values.next()
  await expect(values.return()).resolves.toEqual({ done: true, value: undefined })
  await expect(waiting).resolves.toEqual({ done: true, value: undefined })
  values.push(1)
  await expect(values.next()).resolves.toEqual({ done: true, value: undefined })
  expect(onReturn).toHaveBeenCalledOnce()
})
