/**
 * A prompt with its sampling as nearfield_wasm.c reads it: nf_generate_desc's words, the messages'
 * triples, the stops' pairs, then all texts, in one piece of memory that lives during `use`.
 */
import type { GenerateArgs, Message } from '../generate.ts'
import type { Runtime } from './runtime.ts'

const DESC_WORDS = 20
const ROLES: Message['role'][] = ['system', 'user', 'assistant'] // nf_role

export function placeGenerate<T>(
  runtime: Runtime,
  adapter: number,
  request: GenerateArgs,
  use: (desc: number) => T,
): T {
  const { messages, stop = [], seed = 0 } = request
  const texts = [...messages.map((m) => m.content), ...stop]
  const head = 4 * (DESC_WORDS + 3 * messages.length + 2 * stop.length)
  return runtime.usingTexts(head, texts, (at, pairs) => {
    const triplesAt = at + 4 * DESC_WORDS
    const stopsAt = triplesAt + 4 * 3 * messages.length
    const words = new DataView(runtime.memory.buffer, at, head)
    const whole = new Map([
      [0, messages.length ? triplesAt : 0],
      [1, messages.length],
      [4, request.maxTokens ?? 0],
      [7, request.topK ?? 0],
      [14, seed % 2 ** 32], // setInt32 keeps the low 32 bits
      [15, Math.floor(seed / 2 ** 32)],
      [16, stop.length ? stopsAt : 0],
      [17, stop.length],
      [18, adapter],
    ])
    const real = new Map([
      [6, request.temperature],
      [8, request.topP],
      [9, request.minP],
      [10, request.repeatPenalty],
      [11, request.presencePenalty],
      [12, request.frequencyPenalty],
    ])
    const lists = [
      ...messages.flatMap(({ role }, i) => [ROLES.indexOf(role), ...pairs[i]!]),
      ...pairs.slice(messages.length).flat(),
    ]
    for (let i = 0; i < DESC_WORDS; i++) words.setInt32(4 * i, whole.get(i) ?? 0, true)
    for (const [i, value] of real) words.setFloat32(4 * i, value ?? 0, true)
    for (const [i, word] of lists.entries()) words.setInt32(4 * (DESC_WORDS + i), word, true)
    return use(at)
  })
}
