import { expect, test } from 'vitest'
import { realRuntime } from '../testing/real_wasm.ts'
import { placeEdit } from './edit_desc.ts'

test('a request lies in memory as nf_edit_desc does on wasm32', async () => {
  const runtime = await realRuntime()
  const request = {
    task: 'shorten' as const,
    text: 'naïve 😀',
    format: 'vtt' as const,
    context: { before: 'before', after: '' },
    maxChars: 42,
    maxLines: 2,
    maxCps: 17.5,
    durationMs: 1500,
    protect: ['Zoë', 'B-52'],
    seed: 2 ** 33 + 7,
    variants: 3,
    evenIfPoor: true,
  }
  placeEdit(runtime, { task: 1, adapter: 4096 }, request, (at) => {
    const word = (i: number) => runtime.word(at + 4 * i)
    const text = (i: number) => runtime.text(word(i), word(i + 1))
    expect([word(0), text(1), word(3)]).toEqual([1, 'naïve 😀', 1])
    expect([text(4), text(6)]).toEqual(['before', ''])
    expect([word(8), word(9), word(11)]).toEqual([42, 2, 1500])
    expect(new Float32Array(runtime.memory.buffer, at + 40, 1)[0]).toBe(17.5)
    const terms = word(12)
    expect(word(13)).toBe(2)
    expect([word(14), word(15), word(16), word(17)]).toEqual([7, 2, 3, 1])
    expect([word(18), word(19)]).toEqual([4096, 0])
    const term = (i: number) =>
      runtime.text(runtime.word(terms + 8 * i), runtime.word(terms + 8 * i + 4))
    expect([term(0), term(1)]).toEqual(['Zoë', 'B-52'])
  })
})

test('what is not asked for is zero', async () => {
  const runtime = await realRuntime()
  placeEdit(runtime, { task: 0, adapter: 0 }, { task: 'fix', text: '' }, (at) => {
    const words = Array.from({ length: 20 }, (_, i) => runtime.word(at + 4 * i))
    const addresses = [1, 4, 6] // of empty texts
    expect(words.filter((_, i) => !addresses.includes(i))).toEqual(new Array(17).fill(0))
  })
})
