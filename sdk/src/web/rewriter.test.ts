import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { all, type Fake, fakeNearfield, stubPage } from '../testing/fake_nearfield.ts'
import { Rewriter as Own, type RewriterCoreOptions } from './rewriter.ts'

// The type test: ours can stand wherever a browser's own is expected (@types/dom-chromium-ai).
type Platform = typeof Rewriter
export const statics: Pick<Platform, 'create' | 'availability'> = Own
export const instance = (own: Own): Rewriter => own

let fake: Fake
beforeEach(() => {
  stubPage()
  fake = fakeNearfield()
  fake.edit = ({ task, text }) => ({ text: `${task}(${text})` })
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

test.each<[RewriterCoreOptions, string]>([
  [{}, 'fix(a)'],
  [{ tone: 'more-formal' }, 'formal(a)'],
  [{ tone: 'more-casual' }, 'casual(a)'],
  [{ length: 'shorter' }, 'shorten(a)'],
  [{ tone: 'more-formal', length: 'shorter' }, 'shorten(formal(a))'],
])('%j', async (options, text) => {
  const own = await Own.create(options)
  await expect(own.rewrite('a', { context: 'of letters' })).resolves.toBe(text)
  expect(own).toMatchObject({ tone: 'as-is', format: 'as-is', length: 'as-is', ...options })
  own.destroy()
})

test('passage by passage, white space as it was; nothing comes of nothing', async () => {
  const own = await Own.create({ sharedContext: 'a play' })
  const pieces = await all(own.rewriteStreaming('  a b\n\n c \n'))
  expect(pieces).toEqual(['  fix(a b)', '\n\n fix(c)', ' \n'])
  await expect(own.rewrite('')).resolves.toBe('')
  expect(own.sharedContext).toBe('a play')
  expect([own.inputQuota, await own.measureInputUsage('a')]).toEqual([Number.POSITIVE_INFINITY, 0])
  expect(await own.measureContextUsage('a')).toBe(0)
  own.destroy()
})

test.each<RewriterCoreOptions>([
  { length: 'longer' },
  { format: 'markdown' },
  { format: 'plain-text' },
  { outputLanguage: 'ja' },
  { expectedContextLanguages: ['en', 'fr'] },
])('%j is unavailable', async (options) => {
  await expect(Own.availability(options)).resolves.toBe('unavailable')
  await expect(Own.create(options)).rejects.toMatchObject({ name: 'NotSupportedError' })
})

test('languages are canonical, frozen, and absent where none were given', async () => {
  const own = await Own.create({ expectedInputLanguages: ['EN', 'en-us'], outputLanguage: 'en' })
  expect(own.expectedInputLanguages).toEqual(['en', 'en-US'])
  expect(Object.isFrozen(own.expectedInputLanguages)).toBe(true)
  expect([own.expectedContextLanguages, own.outputLanguage]).toEqual([undefined, 'en'])
  own.destroy()
})
