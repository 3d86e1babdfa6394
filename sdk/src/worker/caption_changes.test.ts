import { expect, test } from 'vitest'
import type { CaptionCue } from '../types.ts'
import { keptSources, lintable } from './caption_changes.ts'

const cue = (source: number | null, text = 'x', startMs = 0, endMs = 1): CaptionCue => ({
  source,
  startMs,
  endMs,
  text,
  settings: '',
  label: '',
})
const keptOf = (sources: (number | null)[], n = 10) => {
  const cues = sources.map((s) => cue(s))
  const kept = keptSources(cues, n)
  return cues.filter((c) => kept.has(c)).map((c) => c.source)
}

test('untouched, removed and added cues', () => {
  expect(keptOf([0, 1, 2])).toEqual([0, 1, 2])
  expect(keptOf([0, 2])).toEqual([0, 2])
  expect(keptOf([null, 0, null, 1])).toEqual([0, 1])
  expect(keptOf([])).toEqual([])
})

test('a moved cue is the one written anew, not its neighbours', () => {
  expect(keptOf([5, 0, 1, 2, 3, 4])).toEqual([0, 1, 2, 3, 4])
  expect(keptOf([1, 2, 3, 0])).toEqual([1, 2, 3])
})

test('sources that the file does not have, or twice, count once at most', () => {
  expect(keptOf([0, 12, -1, 1], 2)).toEqual([0, 1])
  expect(keptOf([0, 0, 1])).toEqual([0, 1])
})

test('the run is ascending and as long as any other (all orders of 6)', () => {
  const longest = (s: number[]): number => {
    let best = 0
    for (let mask = 0; mask < 1 << s.length; mask++) {
      const run = s.filter((_, i) => mask & (1 << i))
      if (run.every((v, i) => i === 0 || run[i - 1]! < v)) best = Math.max(best, run.length)
    }
    return best
  }
  const orders = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((v) => orders(rest.filter((r) => r !== v)).map((o) => [v, ...o]))
  for (const order of orders([0, 1, 2, 3, 4, 5])) {
    const kept = keptOf(order) as number[]
    expect(kept).toEqual([...kept].sort((a, b) => a - b))
    expect(kept).toHaveLength(longest(order))
  }
})

test('a cue no file can hold is still linted, with as many characters', () => {
  expect(lintable(cue(null, 'a\n\n \nb'))).toMatchObject({ text: 'a\nb' })
  expect(lintable(cue(null, 'a --> b')).text).toHaveLength(7)
  expect(lintable(cue(null, ''))).toMatchObject({ text: '.' })
  expect(lintable(cue(null, 'x', 500, 20))).toMatchObject({ startMs: 500, endMs: 500 })
  expect(lintable(cue(null, 'x', Number.NaN, -4))).toMatchObject({ startMs: 0, endMs: 0 })
})
