import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import type { GenerateRequest, GenerateResult } from '../generate.ts'
import { createCompletion, type Generates } from './completions.ts'
import type { ChatApi, ChatChunk, ChatCompletion, ChatParams, ChatStream } from './types.ts'

// The type test: an app typed against the openai client takes our answers, and what it asks for of
// what we have, we take.
type Asked = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming
type Known = Omit<Pick<Asked, keyof ChatParams & keyof Asked>, 'messages'>
export const completion = (own: ChatCompletion): OpenAI.Chat.ChatCompletion => own
export const chunk = (own: ChatChunk): OpenAI.Chat.ChatCompletionChunk => own
export const asked = (theirs: Known): Omit<ChatParams, 'messages'> => theirs
export const sent = (own: ChatParams['messages']): Asked['messages'] => own
export const streams = (own: ChatStream): AsyncIterable<OpenAI.Chat.ChatCompletionChunk> => own
export const whole = (api: ChatApi, params: Known): Promise<OpenAI.Chat.ChatCompletion> =>
  api.completions.create({ ...params, stream: false, messages: [] })

/** Says one piece for each word of the last message; asked: what came. */
function engine(end: GenerateResult['end'] = 'model') {
  const asked: GenerateRequest[] = []
  const generates: Generates = {
    status: { model: { id: 'tiny' } },
    async generate(request) {
      asked.push(request)
      const text = `${request.messages.at(-1)!.content} ${request.seed}`
      for (const piece of text.split(/(?= )/)) {
        await new Promise((done) => setTimeout(done))
        request.signal?.throwIfAborted()
        request.onText?.(piece)
      }
      const receipt = { inputTokens: 7, cachedTokens: 2, outputTokens: 3 }
      return { text, end, receipt } as GenerateResult
    },
  }
  return { asked, generates }
}
const messages: ChatParams['messages'] = [{ role: 'user', content: 'hello there' }]
const stream = async (generates: Generates, params: Partial<ChatParams> = {}) =>
  (await createCompletion(generates, { messages, stream: true, seed: 1, ...params })) as ChatStream
const all = async (stream: AsyncIterable<ChatChunk>) => {
  const chunks: ChatChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

test('a whole answer, with two choices', async () => {
  const { asked, generates } = engine('length')
  const params: ChatParams = {
    messages: [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'be ' },
          { type: 'text', text: 'brief' },
        ],
      },
      { role: 'user', content: 'hello' },
    ],
    model: 'tiny',
    n: 2,
    seed: 5,
    stop: 'END',
    max_tokens: 9,
    max_completion_tokens: 8,
    top_p: 0.9,
  }
  const answer = (await createCompletion(generates, params)) as ChatCompletion
  expect(answer).toMatchObject({
    object: 'chat.completion',
    model: 'tiny',
    id: expect.stringMatching(/^chatcmpl-\d+$/),
    choices: [
      { index: 0, finish_reason: 'length', message: { role: 'assistant', content: 'hello 5' } },
      { index: 1, message: { content: 'hello 6' } },
    ],
    usage: { prompt_tokens: 7, completion_tokens: 6, total_tokens: 13 },
  })
  expect(Math.abs(answer.created - Date.now() / 1000)).toBeLessThan(60)
  const [first] = asked
  expect(first).toMatchObject({ temperature: 1, topP: 0.9, maxTokens: 8, stop: ['END'], seed: 5 })
  expect(first!.messages[0]).toEqual({ role: 'system', content: 'be brief' })
})

test('a stream: role, pieces, end, usage; as lines too', async () => {
  const { generates } = engine()
  const options = { stream_options: { include_usage: true } }
  const chunks = await all(await stream(generates, options))
  const deltas = chunks.map(
    ({ choices: [choice] }) => choice && [choice.delta, choice.finish_reason],
  )
  expect(deltas).toEqual([
    [{ role: 'assistant', content: '' }, null],
    [{ content: 'hello' }, null],
    [{ content: ' there' }, null],
    [{ content: ' 1' }, null],
    [{}, 'stop'],
    undefined,
  ])
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
  expect(chunks.map(({ usage }) => usage?.total_tokens ?? usage)).toEqual([
    null,
    null,
    null,
    null,
    null,
    10,
  ])
  const lines = await new Response((await stream(generates)).toReadableStream()).text()
  const parsed = lines
    .trim()
    .split('\n')
    .map((line): ChatChunk => JSON.parse(line))
  expect(parsed.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(
    'hello there 1',
  )
  expect(parsed.every((chunk) => !('usage' in chunk))).toBe(true)
})

test('a stream ends its work when it is left, aborted or failed', async () => {
  const { asked, generates } = engine()
  for await (const { choices } of await stream(generates)) if (choices[0]?.delta.content) break
  expect(asked[0]!.signal!.aborted).toBe(true)
  const controlled = await stream(generates)
  const heard: string[] = []
  for await (const { choices } of controlled) {
    heard.push(choices[0]?.delta.content ?? '')
    if (heard.length === 2) controlled.controller.abort() // as openai's client: no error
  }
  expect(heard).toEqual(['', 'hello'])
  expect(asked[1]!.signal!.aborted).toBe(true)
  const own = new AbortController()
  const params = { messages, stream: true }
  const outer = (await createCompletion(generates, params, { signal: own.signal })) as ChatStream
  own.abort(new Error('enough'))
  await expect(all(outer)).rejects.toThrow('enough')
  const late = createCompletion(generates, params, { signal: own.signal })
  await expect(late).rejects.toThrow('enough')
})

test.each<[string, object, string]>([
  ['a tool', { tools: [{ type: 'function' }] }, 'unsupported'],
  ['JSON mode', { response_format: { type: 'json_object' } }, 'unsupported'],
  ['logprobs', { logprobs: true }, 'unsupported'],
  ['an unknown name', { mind: 1 }, 'unsupported'],
  ['an image', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'unsupported'],
  [
    'a tool call',
    { messages: [{ role: 'assistant', content: 'a', tool_calls: [1] }] },
    'unsupported',
  ],
  ['another model', { model: 'gpt' }, 'bad_input'],
  ['no message', { messages: [] }, 'bad_input'],
  ['a tool message', { messages: [{ role: 'tool', content: 'a' }] }, 'bad_input'],
  ['no content', { messages: [{ role: 'user' }] }, 'bad_input'],
  ['nine choices', { n: 9 }, 'bad_input'],
  ['five stops', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'bad_input'],
  ['an empty stop', { stop: '' }, 'bad_input'],
  ['a hot model', { temperature: 2.1 }, 'bad_input'],
  ['half a token', { max_tokens: 1.5 }, 'bad_input'],
  ['options of no stream', { stream_options: {} }, 'bad_input'],
])('refuses %s', async (_, params, code) => {
  const { asked, generates } = engine()
  const answer = createCompletion(generates, { messages, ...params } as ChatParams)
  await expect(answer).rejects.toMatchObject({ code })
  expect(asked).toEqual([])
})

test('top_p 0 is the narrowest: the likeliest token alone', async () => {
  const { asked, generates } = engine()
  await createCompletion(generates, { messages, top_p: 0, temperature: 1.5 })
  await createCompletion(generates, { messages, top_p: 0.1, temperature: 1.5 })
  expect(asked.map(({ temperature, topP }) => [temperature, topP])).toEqual([
    [0, 0],
    [1.5, 0.1],
  ])
})

test('what changes nothing is accepted', async () => {
  const params = {
    tools: [],
    logprobs: false,
    response_format: { type: 'text' },
    user: 'me',
    n: null,
  }
  const { generates } = engine()
  await expect(createCompletion(generates, { messages, ...params })).resolves.toBeDefined()
})
