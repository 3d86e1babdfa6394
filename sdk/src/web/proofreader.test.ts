import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Fake, fakeNearfield, stubPage } from '../testing/fake_nearfield.ts'
import { Proofreader as Own } from './proofreader.ts'

// The type test: ours can stand wherever a browser's own is expected (@types/dom-chromium-ai).
type Platform = typeof Proofreader
export const statics: Pick<Platform, 'create' | 'availability'> = Own
export const instance = (own: Own): Proofreader => own

let fake: Fake
beforeEach(() => {
  stubPage()
  fake = fakeNearfield()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

test('corrections are the changes of a fix', async () => {
  fake.edit = ({ task, text }) => ({
    text: text.replace('their', "they're"),
    changes: [{ start: 3, end: 8, replacement: "they're" }],
    verdict: task === 'fix' ? 'changed' : 'unfit',
  })
  const own = await Own.create()
  await expect(own.proofread('😀 their')).resolves.toEqual({
    correctedInput: "😀 they're",
    corrections: [{ startIndex: 3, endIndex: 8, correction: "they're" }],
  })
  own.destroy()
})

test('a long text is corrected passage by passage, offsets and white space kept', async () => {
  fake.edit = ({ text }) => {
    const start = text.indexOf('teh')
    if (start < 0) return { text, changes: [] }
    const changes = [{ start, end: start + 3, replacement: 'the' }]
    return { text: text.replace('teh', 'the'), changes }
  }
  const input = `  in teh house\n\n${'They went home early. '.repeat(9)}Then teh end.\r\n`
  const own = await Own.create()
  const { correctedInput, corrections } = await own.proofread(input)
  expect(correctedInput).toBe(input.replaceAll('teh', 'the'))
  const applied = corrections.toReversed().reduce((text, { startIndex, endIndex, correction }) => {
    expect(text.slice(startIndex, endIndex)).toBe('teh')
    return text.slice(0, startIndex) + correction + text.slice(endIndex)
  }, input)
  expect(applied).toBe(correctedInput)
  expect(corrections).toHaveLength(2)
  expect(fake.edits.length).toBeGreaterThan(2)
  own.destroy()
})

test('what is not offered is NotSupportedError, and unavailable', async () => {
  const options = { expectedInputLanguages: ['en-GB', 'de'] }
  await expect(Own.create(options)).rejects.toMatchObject({ name: 'NotSupportedError' })
  await expect(Own.availability(options)).resolves.toBe('unavailable')
  await expect(Own.create({ includeCorrectionTypes: true })).rejects.toMatchObject({
    name: 'NotSupportedError',
  })
  expect(fake.opened).toEqual([])
  await expect(Own.availability({ expectedInputLanguages: ['en-gb'] })).resolves.toBe(
    'downloadable',
  )
  const own = await Own.create({ expectedInputLanguages: ['en-gb', 'en-GB'] })
  expect(own.expectedInputLanguages).toEqual(['en-GB'])
  own.destroy()
})
