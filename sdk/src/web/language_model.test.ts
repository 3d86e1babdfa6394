import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Nearfield } from '../index.ts'
import {
  all,
  CONTEXT,
  type Fake,
  fakeNearfield,
  stubPage,
  tokensOf,
} from '../testing/fake_nearfield.ts'
import { reported } from '../testing/reported.ts'
import { type LanguageModelOptions, LanguageModel as Own } from './language_model.ts'
import type { Prompt } from './prompt.ts'

// The type test: ours can stand wherever a browser's own is expected (@types/dom-chromium-ai).
type Platform = typeof LanguageModel
export const statics: Pick<Platform, 'create' | 'availability' | 'params'> = Own
export const instance = (own: Own): LanguageModel => own

let fake: Fake
beforeEach(() => {
  stubPage()
  fake = fakeNearfield()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
const said = (i = -1) =>
  fake.texts.at(i)!.messages.map(({ role, content }) => `${role}: ${content}`)
const system = { role: 'system' as const, content: 'be brief' }

test('a conversation: what was said and answered stays, and counts', async () => {
  const own = await Own.create({ initialPrompts: [system] })
  expect([own.contextUsage, own.contextWindow]).toEqual([5, CONTEXT - 1])
  await expect(own.prompt('hello there')).resolves.toBe('Well, hello.')
  expect(said()).toEqual(['system: be brief', 'user: hello there'])
  expect(own.contextUsage).toBe(5 + 5 + 3)
  expect(await own.measureContextUsage('one more')).toBe(tokensOf([system]) + 5 + 5 + 5 - 13)
  expect((await all(own.promptStreaming('and now'))).join('')).toBe('Well, hello.')
  expect(said()).toEqual([
    'system: be brief',
    'user: hello there',
    'assistant: Well, hello.',
    'user: and now',
  ])
  expect([own.inputUsage, own.inputQuota]).toEqual([own.contextUsage, own.contextWindow])
  own.destroy()
})

test('append says without asking; roles, contents and prefixes are taken as the draft has them', async () => {
  const own = await Own.create()
  await expect(own.append([{ role: 'user', content: 'a' }])).resolves.toBeUndefined()
  expect(own.contextUsage).toBe(4)
  const content = ['b', 'c'].map((value) => ({ type: 'text' as const, value }))
  await own.prompt([
    { role: 'user', content },
    { role: 'assistant', content: 'So', prefix: true },
  ])
  expect(said()).toEqual(['user: a', 'user: bc', 'assistant: So'])
  await own.prompt([{ role: 'assistant', content: 'Indeed.' }])
  // an assistant's message that is no prefix is closed: the answer is another one
  expect(said().slice(3)).toEqual(['assistant: Indeed.', 'assistant: '])
  expect(said()[2]).toBe('assistant: SoWell, hello.')
  await own.prompt([])
  expect(said().at(-1)).toBe('user: ')
  own.destroy()
})

test.each<[string, Prompt, object]>([
  ['a prefix of the user', [{ role: 'user', content: '', prefix: true }], { name: 'SyntaxError' }],
  [
    'a prefix in the middle',
    [
      { role: 'assistant', content: '', prefix: true },
      { role: 'user', content: '' },
    ],
    { name: 'SyntaxError' },
  ],
  ['a late system message', [{ role: 'user', content: '' }, system], { name: 'TypeError' }],
  [
    'an image',
    [{ role: 'user', content: [{ type: 'image', value: new Uint8Array(1) }] }],
    { name: 'NotSupportedError' },
  ],
  [
    'a text that is none',
    [{ role: 'user', content: [{ type: 'text', value: 7 }] }],
    { name: 'TypeError' },
  ],
  ['an unknown role', [{ role: 'tool' as 'user', content: '' }], { name: 'TypeError' }],
  [
    'an unknown type of content',
    [{ role: 'user', content: [{ type: 'soup', value: 'a' }] }],
    { name: 'TypeError' },
  ],
  ['no content at all', [{ role: 'user' } as never], { name: 'TypeError' }],
])('refuses %s, and stays as it was', async (_, input, error) => {
  const own = await Own.create()
  await expect(own.prompt(input)).rejects.toMatchObject(error)
  await expect(own.measureContextUsage(input)).rejects.toMatchObject(error)
  await expect(all(own.promptStreaming(input))).rejects.toMatchObject(error)
  await own.prompt('a')
  await expect(own.prompt([system])).rejects.toMatchObject({ name: 'TypeError' })
  expect(said(0)).toEqual(['user: a'])
  own.destroy()
})

test.each<[unknown, string]>([
  [undefined, 'undefined'],
  [null, 'null'],
  [7, '7'],
  [{}, '[object Object]'],
  [{ role: 'system', content: 'a' }, '[object Object]'],
  ['', ''],
  [[], ''],
  [[{ role: 'user', content: [] }], ''],
  [[{ role: 'user', content: null }], 'null'],
  [new Set([{ role: 'user', content: 'of a set' }]), 'of a set'],
])('a prompt that is %j is read as Web IDL reads it', async (input, content) => {
  const own = await Own.create()
  await own.append(input as Prompt)
  await own.prompt(input as Prompt)
  expect(said()).toEqual([`user: ${content}`, `user: ${content}`])
  own.destroy()
})

test('what begins with a system message is measured as a session by itself', async () => {
  const initialPrompts = [system, { role: 'user' as const, content: 'hello' }]
  const own = await Own.create({ initialPrompts })
  expect(await own.measureContextUsage(initialPrompts)).toBe(own.contextUsage)
  await own.prompt('more')
  expect(await own.measureContextUsage(initialPrompts)).toBe(tokensOf(initialPrompts))
  own.destroy()
})

test('a constraint is refused, not ignored', async () => {
  const own = await Own.create()
  for (const responseConstraint of [{ type: 'boolean' }, /yes|no/]) {
    const name = 'NotSupportedError'
    await expect(own.prompt('a', { responseConstraint })).rejects.toMatchObject({ name })
  }
  for (const odd of [{ omitResponseConstraintInput: true }, { responseConstraint: 'x' as never }]) {
    await expect(own.prompt('a', odd)).rejects.toBeInstanceOf(TypeError)
  }
  expect(fake.texts).toEqual([])
  own.destroy()
})

const words = (n: number, word: string) => `${word} `.repeat(n).trim()

test('a full context loses its oldest turns, says so, and keeps the initial prompts', async () => {
  const own = await Own.create({ initialPrompts: [system] })
  const heard: string[] = []
  own.oncontextoverflow = () => heard.push('on')
  own.onquotaoverflow = () => heard.push('older on')
  own.addEventListener('contextoverflow', () => heard.push('listener'))
  await own.prompt(words(30, 'a'))
  await own.prompt(words(30, 'b'))
  expect(heard).toEqual([])
  await own.prompt(words(40, 'c'))
  expect(heard).toEqual(['on', 'listener', 'older on'])
  expect(said().map((line) => line.slice(0, 14))).toEqual([
    'system: be bri',
    'user: b b b b ',
    'assistant: Wel',
    'user: c c c c ',
  ])
  const before = own.contextUsage
  const refused = await own.prompt(words(92, 'd')).catch((e: unknown) => e)
  expect(refused).toBeInstanceOf(DOMException)
  expect(refused).toMatchObject({ name: 'QuotaExceededError', requested: 100, quota: 99 })
  expect(own.contextUsage).toBe(before) // and nothing was dropped
  await expect(own.append(words(92, 'd'))).rejects.toMatchObject({ name: 'QuotaExceededError' })
  await own.prompt('e')
  expect(said()).toHaveLength(6)
  const large = { role: 'system' as const, content: words(100, 's') }
  const none = Own.create({ initialPrompts: [large] })
  await expect(none).rejects.toMatchObject({ name: 'QuotaExceededError', requested: 103 })
  own.destroy()
  expect(fake.close).toHaveBeenCalledOnce()
})

test.each([
  [[system], 'b b', tokensOf([system]) + 5 + 5],
  [[], words(90, 'b'), 0],
])(
  'turns that were dropped count no more, though the prompt is aborted',
  async (initialPrompts, b, kept) => {
    const own = await Own.create({ initialPrompts })
    if (kept > 0) await own.prompt(words(50, 'a'))
    await own.prompt(b)
    const abort = new AbortController()
    const heard: unknown[] = []
    own.oncontextoverflow = ({ target }) => {
      heard.push(target, own.contextUsage)
      abort.abort(new Error('enough'))
    }
    const { signal } = abort
    await expect(own.prompt(words(50, 'c'), { signal })).rejects.toThrow('enough')
    expect(heard).toEqual([own, kept])
    expect(own.contextUsage).toBe(kept)
    await own.prompt('d')
    expect(said().filter((line) => /user: [ac]/.test(line))).toEqual([])
    own.destroy()
  },
)

test('an overflow handler that throws is reported, and the prompt is answered', async () => {
  const own = await Own.create()
  await own.prompt(words(60, 'a'))
  own.oncontextoverflow = () => {
    throw new Error('odd')
  }
  const seen = await reported(async () => {
    await expect(own.prompt(words(60, 'b'))).resolves.toBe('Well, hello.')
  })
  expect(seen.map(String)).toEqual(['Error: odd'])
  own.destroy()
})

test('a measure is of the conversation as it began, whatever is answered meanwhile', async () => {
  const nearfield = await Nearfield.open({ model: '/m/' })
  const own = await Own.create({ initialPrompts: [system], nearfield })
  const count = nearfield.countTokens
  let go = () => {}
  const held = new Promise<void>((done) => (go = done))
  vi.spyOn(nearfield, 'countTokens').mockImplementationOnce(async (...args) => {
    await held
    return count(...args)
  })
  const measured = own.measureContextUsage('one more')
  await own.prompt('hello there')
  go()
  await expect(measured).resolves.toBe(5)
  own.destroy()
})

test('prompts take their turns; one that is aborted leaves nothing behind', async () => {
  const own = await Own.create()
  const abort = new AbortController()
  const [first, second, third] = [
    own.prompt('one'),
    own.prompt('two', { signal: abort.signal }),
    own.prompt('three'),
  ]
  abort.abort(new Error('enough')) // still waiting: at once
  await expect(second).rejects.toThrow('enough')
  expect(fake.texts).toHaveLength(1)
  await Promise.all([first, third])
  expect(said()).toEqual(['user: one', 'assistant: Well, hello.', 'user: three'])
  const usage = own.contextUsage
  const late = new AbortController()
  fake.say = () => {
    setTimeout(() => late.abort(), 1)
    return Array.from({ length: 90 }, () => 'a ')
  }
  await expect(own.prompt('four', { signal: late.signal })).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(own.contextUsage).toBe(usage)
  fake.say = () => ['ok']
  await own.prompt('five')
  expect(said().filter((line) => line.includes('four'))).toEqual([])
  own.destroy()
  await expect(own.prompt('six')).rejects.toMatchObject({ name: 'AbortError' })
})

test('a clone goes on by itself over the same model, and outlives the first', async () => {
  const own = await Own.create({ initialPrompts: [system], samplingMode: 'creative' })
  await own.prompt('one')
  const other = await own.clone()
  expect(other.contextUsage).toBe(own.contextUsage)
  await own.prompt('two')
  await other.prompt('three')
  expect(said().filter((line) => line.startsWith('user'))).toEqual(['user: one', 'user: three'])
  expect(other.samplingMode).toBe('creative')
  expect(fake.opened).toHaveLength(1)
  own.destroy()
  await expect(own.clone()).rejects.toMatchObject({ name: 'AbortError' })
  await other.prompt('four')
  expect(fake.close).not.toHaveBeenCalled()
  other.destroy()
  expect(fake.close).toHaveBeenCalledOnce()
})

test('a clone that is aborted at once holds no model', async () => {
  const own = await Own.create()
  const abort = new AbortController()
  const cloning = own.clone({ signal: abort.signal })
  abort.abort(new Error('no'))
  await expect(cloning).rejects.toThrow('no')
  own.destroy()
  expect(fake.close).toHaveBeenCalledOnce()
})

test.each<[LanguageModelOptions, object, string | null]>([
  [{}, { temperature: 0.7, topK: 40 }, 'balanced'],
  [{ samplingMode: 'most-predictable' }, { temperature: 0 }, 'most-predictable'],
  [{ samplingMode: 'slightly-creative' }, { temperature: 0.85, topK: 50 }, 'slightly-creative'],
  [{ samplingMode: 'most-creative' }, { temperature: 1.3, topK: 100 }, 'most-creative'],
  [{ topK: 3.7, temperature: 9 }, { temperature: 2, topK: 3 }, null],
])('sampling of %j', async (options, how, mode) => {
  const own = await Own.create(options)
  await own.prompt('a', { seed: 5, maxTokens: 2 })
  await own.prompt('a')
  expect(fake.texts[0]).toMatchObject({ ...how, seed: 5, maxTokens: 2 })
  expect(fake.texts[1]!.seed).not.toBe(5)
  expect(own).toMatchObject(how)
  expect(own.samplingMode).toBe(mode)
  own.destroy()
})

test('what cannot be served is unavailable; what the draft has no value of throws', async () => {
  for (const options of [
    { expectedInputs: [{ type: 'image' }] },
    { expectedOutputs: [{ type: 'text', languages: ['fr'] }] },
    { tools: [{}] },
    { expectedInputs: [{ type: 'tool-response' }] },
  ]) {
    await expect(Own.availability(options)).resolves.toBe('unavailable')
    await expect(Own.create(options)).rejects.toMatchObject({ name: 'NotSupportedError' })
  }
  const english = { expectedInputs: [{ type: 'text', languages: ['en-GB'] }] }
  await expect(Own.availability(english)).resolves.toBe('downloadable')
  for (const numbers of [{ topK: 0 }, { topK: -2 }, { temperature: -0.5 }]) {
    await expect(Own.availability(numbers)).resolves.toBe('unavailable')
    await expect(Own.create(numbers)).rejects.toBeInstanceOf(RangeError)
  }
  const soup = { expectedInputs: [{ type: 'soup' }] }
  await expect(Own.availability(soup)).rejects.toBeInstanceOf(TypeError)
  await expect(Own.create(soup)).rejects.toBeInstanceOf(TypeError)
  const both = { samplingMode: 'creative', topK: 3 } as LanguageModelOptions
  await expect(Own.create(both)).rejects.toBeInstanceOf(TypeError)
  await expect(Own.create({ temperature: -1 })).rejects.toBeInstanceOf(RangeError)
  await expect(Own.create({ samplingMode: 'wild' as 'creative' })).rejects.toBeInstanceOf(TypeError)
  const prefix = { role: 'assistant' as const, content: 'So', prefix: true }
  await expect(Own.create({ initialPrompts: [prefix] })).rejects.toMatchObject({
    name: 'SyntaxError',
  })
  expect(fake.opened).toEqual([])
  await expect(Own.params()).resolves.toMatchObject({ defaultTopK: 40, defaultTemperature: 0.7 })
})
