import { expect, test } from 'vitest'
import { realRuntime } from '../testing/real_wasm.ts'
import { placeGenerate } from './generate_desc.ts'

test('a prompt lies in memory as nf_generate_desc does on wasm32', async () => {
  const runtime = await realRuntime()
  const request = {
    messages: [
      { role: 'system' as const, content: 'be \u{1F600}' },
      { role: 'user' as const, content: '' },
      { role: 'assistant' as const, content: 'so' },
    ],
    maxTokens: 40,
    temperature: 0.5,
    topK: 20,
    topP: 0.75,
    minP: 0.125,
    repeatPenalty: 1.25,
    presencePenalty: -0.5,
    frequencyPenalty: 2,
    seed: 2 ** 33 + 7,
    stop: ['\n\n', 'END'],
  }
  placeGenerate(runtime, 4096, request, (at) => {
    const word = (i: number) => runtime.word(at + 4 * i)
    const floats = new Float32Array(runtime.memory.buffer, at, 20)
    const messages = word(0)
    const message = (i: number) => {
      const [role, text, length] = [0, 4, 8].map((k) => runtime.word(messages + 12 * i + k))
      return [role, runtime.text(text!, length!)]
    }
    expect(word(1)).toBe(3)
    expect([0, 1, 2].map(message)).toEqual([
      [0, 'be \u{1F600}'],
      [1, ''],
      [2, 'so'],
    ])
    expect([word(2), word(4), word(7)]).toEqual([0, 40, 20])
    expect([6, 8, 9, 10, 11, 12].map((i) => floats[i])).toEqual([0.5, 0.75, 0.125, 1.25, -0.5, 2])
    expect([word(14), word(15), word(17), word(18)]).toEqual([7, 2, 2, 4096])
    const stops = word(16)
    const stop = (i: number) =>
      runtime.text(runtime.word(stops + 8 * i), runtime.word(stops + 8 * i + 4))
    expect([0, 1].map(stop)).toEqual(['\n\n', 'END'])
  })
})
