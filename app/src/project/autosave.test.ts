import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SaveState } from './autosave'
import { Autosave } from './autosave'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function start() {
  const written: string[] = []
  const states: SaveState[] = []
  let finish: ((error?: Error) => void)[] = []
  const save = new Autosave<string>(
    (value) => {
      written.push(value)
      return new Promise((resolve, reject) => {
        finish.push((error) => (error ? reject(error) : resolve()))
      })
    },
    (state) => states.push(state),
  )
  const done = async (error?: Error) => {
    const all = finish
    finish = []
    for (const one of all) one(error)
    await vi.advanceTimersByTimeAsync(0)
  }
  return { save, written, states, done }
}

describe('Autosave', () => {
  it('writes once, 500 ms after the last change', async () => {
    const { save, written, states, done } = start()
    save.change('a')
    await vi.advanceTimersByTimeAsync(400)
    save.change('ab')
    await vi.advanceTimersByTimeAsync(499)
    expect(written).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(written).toEqual(['ab'])
    await done()
    expect(states.at(-1)).toBe('saved')
  })

  it('never two at a time; the newest is last', async () => {
    const { save, written, done, states } = start()
    save.change('a')
    await vi.advanceTimersByTimeAsync(500)
    save.change('b')
    await vi.advanceTimersByTimeAsync(500)
    expect(written).toEqual(['a'])
    await done()
    expect(written).toEqual(['a', 'b'])
    await done()
    expect(states.at(-1)).toBe('saved')
  })

  it('flush does not wait for the rest', async () => {
    const { save, written, done } = start()
    save.change('a')
    const flushed = save.flush()
    expect(written).toEqual(['a'])
    await done()
    await flushed
  })

  it('a failed write is told and tried again with the next flush', async () => {
    const { save, written, states, done } = start()
    save.change('a')
    await vi.advanceTimersByTimeAsync(500)
    await done(new Error('disk full'))
    expect(states.at(-1)).toBe('failed')
    void save.flush()
    expect(written).toEqual(['a', 'a'])
    await done()
    expect(states.at(-1)).toBe('saved')
  })
})
