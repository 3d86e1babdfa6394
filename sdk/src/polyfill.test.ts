import { afterEach, expect, test, vi } from 'vitest'
import { LanguageModel, Proofreader, Rewriter, Summarizer, Writer } from './web.ts'

const own = { LanguageModel, Proofreader, Rewriter, Summarizer, Writer }
const NAMES = Object.keys(own) as (keyof typeof own)[]
afterEach(() => {
  vi.unstubAllGlobals()
  for (const name of NAMES) Reflect.deleteProperty(globalThis, name)
})

test('the classes are globals, but where the browser has its own', async () => {
  class Theirs {}
  vi.stubGlobal('Summarizer', Theirs)
  const { installed } = await import('./polyfill.ts')
  expect(installed).toEqual(NAMES.filter((name) => name !== 'Summarizer'))
  const globals = globalThis as unknown as Record<string, unknown>
  for (const name of NAMES) expect(globals[name]).toBe(name === 'Summarizer' ? Theirs : own[name])
  expect(Object.keys(globalThis)).not.toContain('Writer')
})
