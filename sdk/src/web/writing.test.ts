/** Writer and Summarizer: what the model is asked, how much it may be given, where its text ends. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  all,
  CONTEXT,
  type Fake,
  fakeNearfield,
  stubPage,
  tokensOf,
} from '../testing/fake_nearfield.ts'
import { Summarizer as OwnSummarizer, type SummarizerOptions } from './summarizer.ts'
import { Writer as OwnWriter, type WriterOptions } from './writer.ts'

// The type tests: ours can stand wherever a browser's own is expected (@types/dom-chromium-ai).
type PlatformWriter = typeof Writer
type PlatformSummarizer = typeof Summarizer
export const writerStatics: Pick<PlatformWriter, 'create' | 'availability'> = OwnWriter
export const writer = (own: OwnWriter): Writer => own
export const summarizerStatics: Pick<PlatformSummarizer, 'create' | 'availability'> = OwnSummarizer
export const summarizer = (own: OwnSummarizer): Summarizer => own

let fake: Fake
beforeEach(() => {
  stubPage()
  fake = fakeNearfield()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
/** The fake's context is small; a headline needs the fewest tokens. */
const headline = (more: SummarizerOptions = {}) =>
  OwnSummarizer.create({ type: 'headline', ...more })

test('a summary is asked for with both contexts, and comes in pieces', async () => {
  const own = await headline({ sharedContext: 'a diary' })
  const pieces = await all(own.summarizeStreaming('It rained.', { context: 'from May' }))
  expect(pieces).toEqual(['Well', ',', ' hello.'])
  const [{ messages, maxTokens, temperature, repeatPenalty }] = fake.texts as [
    (typeof fake.texts)[0],
  ]
  expect(messages.map(({ role }) => role)).toEqual(['user'])
  expect(messages[0]!.content).toMatch(
    /12 words.*\n\nContext: a diary\nContext: from May\nIt rained/,
  )
  expect([maxTokens, temperature, repeatPenalty]).toEqual([50, 0, 1])
  await expect(own.summarize(' \n')).resolves.toBe('')
  expect(fake.texts).toHaveLength(1)
  own.destroy()
})

test('key points are sentences behind dashes, and end with the last that was asked for', async () => {
  fake.say = () => ['One', ' is', '. Two', '.', ' Three. ', 'Four', ' is more.']
  const own = await OwnSummarizer.create({ nearfield: (await wide()) as never })
  expect(own).toMatchObject({ type: 'key-points', format: 'markdown', length: 'short' })
  await expect(own.summarize('a text')).resolves.toBe('- One is.\n- Two.\n- Three.')
  const [{ messages, signal }] = fake.texts as [(typeof fake.texts)[0]]
  expect(messages[0]!.content).toBe('Summarize the text in three sentences.\n\na text')
  expect(signal!.aborted).toBe(true) // the model is not asked for more
  own.destroy()
})

/** A model of a larger context. */
async function wide() {
  const { Nearfield } = await import('../index.ts')
  const nf = await Nearfield.open({ model: '/m/' })
  const countTokens = async (messages: Parameters<typeof tokensOf>[0]) => ({
    tokens: tokensOf(messages),
    context: 1024,
  })
  return { ...nf, countTokens }
}

test('the quota is what the prompt and the answer leave; more is a QuotaExceededError', async () => {
  const own = await headline()
  const measured = await own.measureInputUsage('three more words')
  expect(measured).toBe(3)
  expect(await own.measureContextUsage('')).toBe(1)
  expect(own.contextWindow).toBe(own.inputQuota)
  const most = 'w '.repeat(own.inputQuota)
  await own.summarize(most)
  expect(tokensOf(fake.texts[0]!.messages) + 50 + 1).toBe(CONTEXT)
  const refused = await own.summarize(`${most} w`).catch((e: unknown) => e)
  expect(refused).toBeInstanceOf(DOMException)
  expect(refused).toMatchObject({
    name: 'QuotaExceededError',
    requested: own.inputQuota + 1,
    quota: own.inputQuota,
  })
  await expect(own.summarize('a', { context: most })).rejects.toMatchObject({
    name: 'QuotaExceededError',
  })
  expect(fake.texts).toHaveLength(1)
  own.destroy()
})

test('a shared context that leaves no room rejects create, and the model is given back', async () => {
  const refused = headline({ sharedContext: 'w '.repeat(CONTEXT) })
  await expect(refused).rejects.toMatchObject({ name: 'QuotaExceededError' })
  expect(fake.close).toHaveBeenCalledOnce()
})

test('an abort in the middle of a text is an abort, not its end', async () => {
  const own = await headline()
  const abort = new AbortController()
  fake.say = () => {
    setTimeout(() => abort.abort(new Error('enough')), 2)
    return Array.from({ length: 50 }, (_, i) => `${i} `)
  }
  await expect(own.summarize('a', { signal: abort.signal })).rejects.toThrow('enough')
  own.destroy()
})

test.each<[WriterOptions, RegExp]>([
  [{}, /one short paragraph of prose\.$/],
  [{ tone: 'formal' }, /in a formal tone\.$/],
  [{ tone: 'casual', length: 'long' }, /several paragraphs of prose in a casual tone\.$/],
])('a writer of %j', async (options, system) => {
  const nearfield = (await wide()) as never
  const own = await OwnWriter.create({ ...options, nearfield })
  await expect(own.write('a letter', { context: 'to Ann' })).resolves.toBe('Well, hello.')
  const [{ messages }] = fake.texts as [(typeof fake.texts)[0]]
  expect(messages[0]!.content).toMatch(system)
  expect(messages[1]!.content).toBe('Context: to Ann\nWrite: a letter')
  expect(own).toMatchObject({ tone: 'neutral', format: 'markdown', length: 'short', ...options })
  expect((await all(own.writeStreaming('a letter'))).join('')).toBe('Well, hello.')
  own.destroy()
})

test('other languages are unavailable', async () => {
  const options = { outputLanguage: 'es' }
  await expect(OwnWriter.availability(options)).resolves.toBe('unavailable')
  await expect(OwnWriter.create(options)).rejects.toMatchObject({ name: 'NotSupportedError' })
  await expect(OwnSummarizer.availability(options)).resolves.toBe('unavailable')
  await expect(OwnSummarizer.availability({ outputLanguage: 'en-GB' })).resolves.toBe(
    'downloadable',
  )
})
