import { describe, expect, it } from 'vitest'
import { mulberry, pick } from '../../tests/random'
import type { Command } from './commands'
import { apply, deleteCommand, mergeCommand, splitCommand } from './commands'
import type { CaptionDocument } from './cue'
import { createDocument, cueById, newCueId } from './cue'
import type { History } from './history'
import { commit, createHistory, grow, redo, seal, settle, type, undo } from './history'

const make = (texts: readonly string[]): CaptionDocument =>
  createDocument(
    'srt',
    texts.map((text, i) => ({
      source: i,
      startMs: i * 2000,
      endMs: i * 2000 + 1500,
      text,
      settings: '',
      label: String(i + 1),
    })),
  )

const WORDS = ['bees', 'a hive', 'one\ntwo', '', 'Dana 14', '🐝', 'don’t', '<i>x</i>']

function randomCommand(document: CaptionDocument, random: () => number): Command | null {
  const cue = pick(document.cues, random)
  if (!cue) return null
  switch (Math.floor(random() * 6)) {
    case 0:
      return splitCommand(document, cue.id, Math.floor(random() * (cue.text.length + 1)))
    case 1:
      return mergeCommand(document, cue.id)
    case 2:
      return deleteCommand(document, cue.id)
    case 3: {
      const insert = { ...cue, id: newCueId(), source: null, text: pick(WORDS, random) ?? '' }
      return { kind: 'splice', at: document.order.get(cue.id) ?? 0, remove: 0, insert: [insert] }
    }
    case 4: {
      const edits = document.cues
        .filter(() => random() < 0.4)
        .map(({ id }) => ({ id, text: pick(WORDS, random) ?? '' }))
      return { kind: 'text', edits }
    }
    default:
      return { kind: 'text', edits: [{ id: cue.id, text: pick(WORDS, random) ?? '' }] }
  }
}

function randomStep(history: History, random: () => number): History {
  const document = history.present
  if (random() < 0.4) {
    const cue = pick(document.cues, random)
    if (!cue) return history
    const at = Math.floor(random() * (cue.text.length + 1))
    return type(
      history,
      cue.id,
      cue.text.slice(0, at) + (pick(['a', ' ', 'b'], random) ?? '') + cue.text.slice(at),
    )
  }
  const command = randomCommand(document, random)
  return command ? commit(history, command, 'random') : history
}

describe('history', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'random commands undo to the same value, seed %i',
    (seed) => {
      const random = mulberry(seed)
      const start = createHistory(make(['So last spring', 'We didn’t', 'One\ntwelfth', 'bees']))
      const values = [start.present]
      let history = start
      for (let i = 0; i < 40; i += 1) {
        const next = randomStep(history, random)
        if (next.past.length > history.past.length) values.push(next.present)
        else values[values.length - 1] = next.present
        history = next
      }
      expect(history.past.length).toBe(values.length - 1)
      const end = history.present
      for (let i = values.length - 2; i >= 0; i -= 1) {
        const moved = undo(history)
        if (!moved) throw new Error('a step could not be undone')
        history = moved.history
        expect(history.present).toEqual(values[i])
      }
      expect(undo(history)).toBeNull()
      expect(history.present).toEqual(start.present)
      for (let moved = redo(history); moved; moved = redo(history)) history = moved.history
      expect(history.present).toEqual(end)
    },
  )

  it('never changes the value it was given', () => {
    const document = make(['one', 'two'])
    const frozen = JSON.stringify(document.cues)
    const first = document.cues[0]
    if (!first) throw new Error()
    apply(document, { kind: 'text', edits: [{ id: first.id, text: 'changed' }] })
    apply(document, { kind: 'splice', at: 0, remove: 2, insert: [] })
    expect(JSON.stringify(document.cues)).toBe(frozen)
  })

  it('a command that changes nothing makes no step', () => {
    const history = createHistory(make(['one']))
    const id = history.present.cues[0]?.id ?? -1
    expect(commit(history, { kind: 'text', edits: [{ id, text: 'one' }] }, 'x')).toBe(history)
    expect(commit(history, { kind: 'text', edits: [{ id: -5, text: 'y' }] }, 'x')).toBe(history)
  })

  it('a new change forgets what was undone', () => {
    let history = createHistory(make(['one']))
    const id = history.present.cues[0]?.id ?? -1
    history = commit(history, { kind: 'text', edits: [{ id, text: 'two' }] }, 'x')
    history = undo(history)?.history ?? history
    expect(history.future).toHaveLength(1)
    history = type(history, id, 'one!')
    expect(history.future).toHaveLength(0)
    expect(redo(history)).toBeNull()
  })
})

/** Types one key after another at the end; "<" deletes one. */
function keys(history: History, id: number, text: string): History {
  let now = history
  for (const key of text) {
    const old = cueById(now.present, id)?.text ?? ''
    now = type(now, id, key === '<' ? old.slice(0, -1) : old + key)
  }
  return now
}

describe('typing', () => {
  const start = () => {
    const history = createHistory(make(['x', 'y']))
    return {
      history,
      id: history.present.cues[0]?.id ?? -1,
      other: history.present.cues[1]?.id ?? -1,
    }
  }

  it('coalesces by word', () => {
    const { history, id } = start()
    const typed = keys(history, id, ' bees sting me')
    const texts: string[] = []
    for (let moved = undo(typed); moved; moved = undo(moved.history)) {
      texts.push(cueById(moved.history.present, id)?.text ?? '')
    }
    expect(texts).toEqual(['x bees sting ', 'x bees ', 'x ', 'x'])
  })

  it('deleting is a step of its own', () => {
    const { history, id } = start()
    const typed = keys(history, id, 'bees<<')
    expect(typed.past).toHaveLength(2)
    expect(cueById(undo(typed)?.history.present ?? typed.present, id)?.text).toBe('xbees')
  })

  it('does not join two cues, nor what was sealed', () => {
    const { history, id, other } = start()
    expect(keys(keys(history, id, 'a'), other, 'b').past).toHaveLength(2)
    expect(keys(seal(keys(history, id, 'a')), id, 'b').past).toHaveLength(2)
  })

  it('a jump of the caret begins a new step', () => {
    const { history, id } = start()
    const typed = keys(history, id, 'abc')
    const jumped = type(typed, id, `_${cueById(typed.present, id)?.text}`)
    expect(jumped.past).toHaveLength(2)
  })

  it('pasting is one step', () => {
    const { history, id } = start()
    expect(type(keys(history, id, 'ab'), id, 'xab and more words').past).toHaveLength(2)
  })

  it('repeated letters, whose place is ambiguous, still coalesce', () => {
    const { history, id } = start()
    expect(keys(history, id, 'xxxx').past).toHaveLength(1)
  })
})

describe('cues that arrive', () => {
  const arriving = (n: number) =>
    make(Array.from({ length: n }, (_, i) => `heard ${i}`)).cues.map((cue) => ({
      ...cue,
      source: null,
    }))
  const texts = (history: History) => history.present.cues.map((cue) => cue.text)

  it('whatever is done meanwhile, undo goes back to the start and redo forth to the end', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = mulberry(seed)
      const old = make(['old a', 'old b'])
      let history = createHistory(old)
      const coming = arriving(12)
      for (const cue of coming) {
        history = grow(history, [cue], 'Transcribe', history.past.length === 0 ? 2 : 0)
        for (let n = Math.floor(random() * 4); n > 0; n -= 1) {
          const command = randomCommand(history.present, random)
          const depth = history.past.length
          if (random() < 0.3 && depth > 1) history = undo(history)?.history ?? history
          else if (random() < 0.3) history = redo(history)?.history ?? history
          else if (command) history = commit(history, command, 'change')
        }
      }
      const end = history.present.cues
      let back = history
      for (let moved = undo(back); moved; moved = undo(back)) back = moved.history
      expect(back.present.cues).toEqual(old.cues)
      for (let n = history.past.length; n > 0; n -= 1) back = redo(back)?.history ?? back
      expect(back.present.cues).toEqual(end)
    }
  })

  it('while undone they wait behind redo; an end that is undone changes nothing', () => {
    const [a, b] = arriving(2)
    if (!a || !b) throw new Error('two')
    let history = grow(createHistory(make(['old'])), [a], 'Transcribe', 1)
    history = undo(history)?.history ?? history
    history = grow(history, [b], 'Transcribe', 0)
    expect(texts(history)).toEqual(['old'])
    history = settle(history, [], 'Lay out')
    expect(texts(history)).toEqual(['old'])
    expect(texts(redo(history)?.history ?? history)).toEqual(['heard 0', 'heard 1'])
  })

  it('their end is one step with them, or a step of its own when more was done', () => {
    const [a, b, c] = arriving(3)
    if (!a || !b || !c) throw new Error('three')
    const grown = grow(grow(createHistory(make(['old'])), [a], 'T', 1), [b], 'T', 0)
    const plain = settle(grown, [c], 'Lay out')
    expect(plain.past.map((step) => step.label)).toEqual(['T'])
    expect(texts(plain)).toEqual(['heard 2'])
    expect(texts(undo(plain)?.history ?? plain)).toEqual(['old'])
    const edited = settle(type(grown, b.id, 'typed'), [c], 'Lay out')
    expect(edited.past.map((step) => step.label)).toEqual(['T', 'Typing', 'Lay out'])
    expect(texts(undo(edited)?.history ?? edited)).toEqual(['heard 0', 'typed'])
    // and after it nothing grows any more
    expect(grow(edited, [a], 'T', 0).past.at(-1)?.growing).toBe(true)
  })
})
