import { NoSuchModelError, UnsupportedFunctionalityError } from '@ai-sdk/provider'
import { generateText, streamText } from 'ai'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createNearfield } from './ai_sdk.ts'
import { Nearfield, NearfieldError } from './index.ts'
import { type Fake, fakeNearfield, stubPage } from './testing/fake_nearfield.ts'

let fake: Fake
let nearfield: ReturnType<typeof createNearfield>
beforeEach(() => {
  stubPage()
  fake = fakeNearfield()
  nearfield = createNearfield({ model: '/m/' })
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

test('generateText: the text, usage, reason and receipt; the model is opened once', async () => {
  const settings = { temperature: 0.2, topP: 0.5, seed: 4, stopSequences: ['END'] }
  const result = await generateText({
    model: nearfield(),
    instructions: 'be brief',
    prompt: 'hello there',
    maxOutputTokens: 9,
    ...settings,
  })
  expect(result.text).toBe('Well, hello.')
  expect(result.finishReason).toBe('stop')
  expect(result.usage).toMatchObject({ inputTokens: 10, outputTokens: 3, totalTokens: 13 })
  expect(result.finalStep.providerMetadata).toMatchObject({
    nearfield: { receipt: { outputTokens: 3 } },
  })
  expect(fake.texts[0]).toMatchObject({
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hello there' },
    ],
    temperature: 0.2,
    topP: 0.5,
    topK: 40,
    seed: 4,
    maxTokens: 9,
    stop: ['END'],
  })
  await generateText({ model: nearfield('tiny'), prompt: 'again' })
  expect(fake.opened).toHaveLength(1)
})

test('streamText: deltas, then the end; an abort ends the work', async () => {
  const result = streamText({ model: nearfield(), prompt: 'hello' })
  const pieces: string[] = []
  for await (const piece of result.textStream) pieces.push(piece)
  expect(pieces).toEqual(['Well', ', ', 'hello.'])
  expect(await result.finishReason).toBe('stop')
  expect((await result.usage).outputTokens).toBe(3)

  fake.say = () => Array.from({ length: 60 }, () => 'on ')
  const abort = new AbortController()
  const aborted = streamText({ model: nearfield(), prompt: 'more', abortSignal: abort.signal })
  for await (const _ of aborted.textStream) abort.abort()
  expect(fake.texts.at(-1)!.signal!.aborted).toBe(true)
})

test('a stream that is left ends its work; one that fails says so', async () => {
  fake.say = () => Array.from({ length: 60 }, () => 'on ')
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'a' }] }]
  const { stream } = await nearfield().doStream({ prompt })
  const reader = stream.getReader()
  for (let i = 0; i < 5; i++) await reader.read()
  await reader.cancel()
  expect(fake.texts.at(-1)!.signal!.aborted).toBe(true)
  fake.say = () => {
    throw new NearfieldError('no_memory', 'full')
  }
  const seen: unknown[] = []
  const onError = ({ error }: { error: unknown }) => void seen.push(error)
  for await (const _ of streamText({ model: nearfield(), prompt: 'a', onError }).textStream);
  expect(seen).toEqual([expect.objectContaining({ code: 'no_memory' })])
})

test('what the model lacks is a warning; what it cannot read is an error', async () => {
  const warned = vi.fn()
  vi.stubGlobal('AI_SDK_LOG_WARNINGS', warned)
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'a' }] }]
  const { warnings } = await nearfield().doGenerate({
    prompt,
    responseFormat: { type: 'json' },
    tools: [{ type: 'function', name: 'f', inputSchema: {} }],
    reasoning: 'high',
  })
  expect(warnings.map((one) => 'feature' in one && one.feature)).toEqual([
    'tools',
    'responseFormat',
    'reasoning',
  ])
  const image = { type: 'file' as const, data: new Uint8Array(4), mediaType: 'image/png' }
  const refused = generateText({
    model: nearfield(),
    messages: [{ role: 'user', content: [image] }],
    maxRetries: 0,
  })
  await expect(refused).rejects.toSatisfy(UnsupportedFunctionalityError.isInstance)
})

test('what it cannot read is refused before anything is opened', async () => {
  const image = { type: 'file' as const, data: { type: 'data' as const, data: new Uint8Array(4) } }
  const content = [{ ...image, mediaType: 'image/png' }]
  const asked = nearfield().doStream({ prompt: [{ role: 'user', content }] })
  await expect(asked).rejects.toSatisfy(UnsupportedFunctionalityError.isInstance)
  expect(fake.opened).toEqual([])
})

test('an abort ends the wait for a model on its way, which the next call still finds', async () => {
  const open = vi.mocked(Nearfield.open).getMockImplementation()!
  let go = () => {}
  vi.mocked(Nearfield.open).mockImplementation(async (options) => {
    await new Promise<void>((resolve) => {
      go = resolve
    })
    return open(options)
  })
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'a' }] }]
  const early = AbortSignal.abort(new Error('before'))
  await expect(nearfield().doStream({ prompt, abortSignal: early })).rejects.toThrow('before')
  expect(Nearfield.open).not.toHaveBeenCalled()
  for (const ask of ['doGenerate', 'doStream'] as const) {
    const abort = new AbortController()
    const asked = nearfield()[ask]({ prompt, abortSignal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
  }
  const { signal: unused } = new AbortController()
  const kept = nearfield().doGenerate({ prompt, abortSignal: unused })
  go()
  await expect(kept).resolves.toMatchObject({ content: [{ text: 'Well, hello.' }] })
  expect(Nearfield.open).toHaveBeenCalledOnce()
})

test.each(['lost', 'closed'] as const)('a model that is %s is opened again', async (state) => {
  const first = await nearfield.open()
  expect(await nearfield.open()).toBe(first)
  Object.assign(first.status, { state })
  const second = await nearfield.open()
  expect(second).not.toBe(first)
  expect(await nearfield.open()).toBe(second)
})

test('topP 0 is the narrowest: the likeliest token alone', async () => {
  await generateText({ model: nearfield(), prompt: 'a', topP: 0, temperature: 0.5 })
  expect(fake.texts[0]).toMatchObject({ temperature: 0, topP: 0 })
})

test('another model, and models of other kinds, are NoSuchModelErrors', async () => {
  const other = generateText({ model: nearfield('gpt'), prompt: 'a', maxRetries: 0 })
  await expect(other).rejects.toSatisfy(NoSuchModelError.isInstance)
  for (const make of [nearfield.embeddingModel, nearfield.imageModel]) {
    expect(() => make('x')).toThrow(/nearfield has no/)
    try {
      make('x')
    } catch (error) {
      expect(NoSuchModelError.isInstance(error)).toBe(true)
    }
  }
})

test('a model that is open is used; one that could not be opened is tried again', async () => {
  const open = await Nearfield.open({ model: '/m/' })
  const over = createNearfield({ nearfield: open })
  await expect(over.open()).resolves.toBe(open)
  vi.mocked(Nearfield.open).mockRejectedValueOnce(new NearfieldError('network', 'cut'))
  const ask = () => generateText({ model: nearfield(), prompt: 'a', maxRetries: 0 })
  await expect(ask()).rejects.toMatchObject({ code: 'network' })
  await expect(ask()).resolves.toMatchObject({ text: 'Well, hello.' })
})
