// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { seekServer } from './seek'

let visible: DocumentVisibilityState
beforeEach(() => {
  visible = 'visible'
  vi.useFakeTimers()
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visible)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** A server that comes when the test says so; `looks` has the seconds at which it was looked for. */
function away() {
  const from = Date.now()
  const looks: number[] = []
  const model = {
    seeksServer: true,
    lookAgain: async () => void looks.push((Date.now() - from) / 1000),
  }
  const done = seekServer(model)
  return { model, looks, done }
}

it('pauses grow from 5 s to a minute, and nothing is asked once it is there', async () => {
  const { model, looks, done } = away()
  await vi.advanceTimersByTimeAsync(200_000)
  expect(looks).toEqual([5, 15, 35, 75, 135, 195])
  model.seeksServer = false
  await vi.advanceTimersByTimeAsync(60_000)
  await done
  await vi.advanceTimersByTimeAsync(600_000)
  dispatchEvent(new Event('online'))
  expect(looks).toHaveLength(7)
  expect(vi.getTimerCount()).toBe(0)
})

it('a network that is back ends the pause; a page nobody sees rests until it is seen', async () => {
  const { looks } = away()
  await vi.advanceTimersByTimeAsync(1000)
  dispatchEvent(new Event('online'))
  await vi.advanceTimersByTimeAsync(0)
  expect(looks).toEqual([1])
  visible = 'hidden'
  document.dispatchEvent(new Event('visibilitychange'))
  await vi.advanceTimersByTimeAsync(299_000)
  expect(looks).toEqual([1])
  visible = 'visible'
  document.dispatchEvent(new Event('visibilitychange'))
  await vi.advanceTimersByTimeAsync(0)
  expect(looks).toEqual([1, 300])
})

it('a server that was there from the start is not looked for', async () => {
  await seekServer({ seeksServer: false, lookAgain: () => Promise.reject(new Error('asked')) })
  expect(vi.getTimerCount()).toBe(0)
})
