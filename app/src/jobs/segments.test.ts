import type { CaptionCue } from 'nearfield'
import { describe, expect, it } from 'vitest'
import type { Cue } from '../document/cue'
import { newCueId } from '../document/cue'
import type { Heard } from './segments'
import { findCue, layOut, readSegment, segmentCue } from './segments'

/** Words at 0.1, 1.1, 2.1, ... s: segments and captions are both cut out of them. */
const segment = (i: number, first: number, text: string) => ({
  i,
  startMs: first * 1000,
  endMs: first * 1000 + text.split(' ').length * 1000,
  text,
  firstWordMs: first * 1000 + 100,
})
const caption = (first: number, text: string): CaptionCue => ({
  source: 7,
  startMs: first * 1000 + 100,
  endMs: first * 1000 + 900,
  text,
  settings: '',
  label: '7',
})
const heardOf = (parts: readonly (readonly [number, string])[]): Heard[] =>
  parts.map(([first, text], i) => {
    const one = segment(i, first, text)
    return { segment: one, cue: segmentCue(one, 'vtt') }
  })
const cuesOf = (heard: readonly Heard[]) => heard.flatMap(({ cue }) => cue ?? [])
const texts = (cues: readonly Cue[]) => cues.map((cue) => cue.text)

// segments: [one two three] [four five] [six seven] [eight]; captions cut elsewhere
const heard = heardOf([
  [0, 'one two three'],
  [3, 'four five'],
  [5, 'six seven'],
  [7, 'eight'],
])
const laidOut = [
  caption(0, 'one two'),
  caption(2, 'three four five'),
  caption(5, 'six seven'),
  caption(7, 'eight'),
]

describe('layOut', () => {
  it('nothing touched: the captions are those of the file, times and all', () => {
    const cues = layOut(cuesOf(heard), heard, laidOut)
    expect(cues.map(({ startMs, endMs, text }) => ({ startMs, endMs, text }))).toEqual(
      laidOut.map(({ startMs, endMs, text }) => ({ startMs, endMs, text })),
    )
    expect(cues.every((cue) => cue.source === null)).toBe(true)
    expect(new Set(cues.map((cue) => cue.id)).size).toBe(cues.length)
  })

  it('a changed text stays, with what shares a caption with it; the rest is laid out', () => {
    const cues = cuesOf(heard).map((cue, i) => (i === 1 ? { ...cue, text: 'FOUR five' } : cue))
    expect(texts(layOut(cues, heard, laidOut))).toEqual([
      'one two three',
      'FOUR five',
      'six seven',
      'eight',
    ])
    const last = cuesOf(heard).map((cue, i) => (i === 3 ? { ...cue, text: 'ATE' } : cue))
    expect(texts(layOut(last, heard, laidOut))).toEqual([
      'one two',
      'three four five',
      'six seven',
      'ATE',
    ])
  })

  it('changed times, a split, a merge and a deletion are a person’s too', () => {
    const [a, b, c, d] = cuesOf(heard) as [Cue, Cue, Cue, Cue]
    const moved = layOut([a, b, { ...c, endMs: 6500 }, d], heard, laidOut)
    expect(moved.map((cue) => cue.endMs)[2]).toBe(6500)
    const split = [a, b, { ...c, text: 'six' }, { ...c, id: newCueId(), text: 'seven' }, d]
    expect(texts(layOut(split, heard, laidOut))).toEqual([
      'one two',
      'three four five',
      'six',
      'seven',
      'eight',
    ])
    const merged = [a, b, { ...c, text: 'six seven\neight', endMs: d.endMs }]
    expect(texts(layOut(merged, heard, laidOut))).toEqual([
      'one two',
      'three four five',
      'six seven\neight',
    ])
    expect(texts(layOut([a, b, d], heard, laidOut))).toEqual([
      'one two',
      'three four five',
      'eight',
    ])
  })

  it('cues that were there before stay where they are', () => {
    const own: Cue = { ...caption(0, 'a title'), id: newCueId() }
    const cues = layOut([own, ...cuesOf(heard)], heard, laidOut)
    expect(cues[0]).toBe(own)
    expect(cues).toHaveLength(5)
  })

  it('a word’s time may differ by a millisecond; captions before the first segment are its own', () => {
    const two = heardOf([
      [1, 'one two'],
      [3, 'three'],
    ])
    const close = [
      { ...caption(1, 'one two'), startMs: 1099 },
      { ...caption(3, 'three'), startMs: 3101 },
    ]
    const [, b] = cuesOf(two) as [Cue, Cue]
    expect(texts(layOut([{ ...(two[0]?.cue as Cue), text: 'ONE' }, b], two, close))).toEqual([
      'ONE',
      'three',
    ])
  })

  it('no captions at all, no segments at all', () => {
    expect(layOut(cuesOf(heard), heard, [])).toEqual([])
    expect(layOut([], [], [])).toEqual([])
  })
})

describe('segments', () => {
  it('are read as the server says them, and nothing else is', () => {
    const data = { i: 3, start_ms: 20, end_ms: 20, text: 'Hi.', words: [[0.034, 0.2, ' Hi.']] }
    expect(readSegment(data)).toEqual({
      i: 3,
      startMs: 20,
      endMs: 21,
      text: 'Hi.',
      firstWordMs: 34,
    })
    expect(readSegment({ ...data, words: [] })?.firstWordMs).toBe(20)
    for (const bad of [null, 1, 'x', {}, { ...data, i: '3' }, { ...data, text: 3 }]) {
      expect(readSegment(bad)).toBeNull()
    }
  })

  it('are text of the format they go to', () => {
    const one = { ...segment(0, 0, 'a < b & c --> d'), text: 'a < b & c --> d' }
    expect(segmentCue(one, 'srt').text).toBe('a < b & c --> d')
    expect(segmentCue(one, 'vtt').text).toBe('a &lt; b &amp; c --&gt; d')
  })

  it('are found again after a reload, in order, unless they were changed', () => {
    const cues = [...heardOf([[0, 'x']]), ...heardOf([[0, 'x']])].flatMap(({ cue }) => cue ?? [])
    const made = segmentCue(segment(0, 0, 'x'), 'vtt')
    expect(findCue(cues, 0, made)).toBe(0)
    expect(findCue(cues, 1, made)).toBe(1)
    expect(findCue(cues, 2, made)).toBe(-1)
  })
})
