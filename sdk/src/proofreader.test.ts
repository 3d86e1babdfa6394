import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NearfieldError } from './error.ts'
import { Nearfield } from './nearfield.ts'
import { Proofreader as Own } from './proofreader.ts'
import type { EditRequest, EditResult, OpenOptions } from './types.ts'

// The type test: ours can stand wherever a browser's own is expected (@types/dom-chromium-ai).
type Platform = typeof Proofreader
export const statics: Pick<Platform, 'create' | 'availability'> = Own
export const instance = (own: Own): Proofreader => own

beforeEach(() => {
  vi.stubGlobal(
    'ProgressEvent',
    class extends Event {
      loaded: number
      constructor(type: string, { loaded }: { loaded: number }) {
        super(type)
        this.loaded = loaded
      }
    },
  )
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function engine(edit: (request: EditRequest) => Promise<Partial<EditResult>>) {
  const close = vi.fn()
  vi.spyOn(Nearfield, 'open').mockImplementation(async ({ onProgress }: OpenOptions) => {
    for (const [loaded, stage] of [
      [0, 'download'],
      [5, 'download'],
      [10, 'download'],
      [0, 'load'],
      [10, 'load'],
    ] as const) {
      onProgress?.({ loaded, total: 10, stage })
    }
    return { edit, close } as unknown as Nearfield
  })
  return close
}

test('progress goes from 0 to 1 and never back', async () => {
  engine(async () => ({}))
  const seen: number[] = []
  await Own.create({
    monitor: (m) =>
      m.addEventListener('downloadprogress', (event) => seen.push((event as ProgressEvent).loaded)),
  })
  expect(seen).toEqual([0, 0.5, 1])
})

test('corrections are the changes of a fix', async () => {
  engine(async ({ task, text }) => ({
    text: text.replace('their', "they're"),
    changes: [{ start: 3, end: 8, replacement: "they're" }],
    verdict: task === 'fix' ? 'changed' : 'unfit',
  }))
  const own = await Own.create()
  await expect(own.proofread('😀 their')).resolves.toEqual({
    correctedInput: "😀 they're",
    corrections: [{ startIndex: 3, endIndex: 8, correction: "they're" }],
  })
})

test('what is not offered is NotSupportedError, and unavailable', async () => {
  const options = { expectedInputLanguages: ['en-GB', 'de'] }
  await expect(Own.create(options)).rejects.toMatchObject({ name: 'NotSupportedError' })
  await expect(Own.availability(options)).resolves.toBe('unavailable')
  await expect(Own.create({ includeCorrectionTypes: true })).rejects.toMatchObject({
    name: 'NotSupportedError',
  })
})

test('our errors leave as DOMExceptions of the draft', async () => {
  vi.spyOn(Nearfield, 'open').mockRejectedValue(new NearfieldError('network', 'cut'))
  const error = await Own.create().catch((e: unknown) => e)
  expect(error).toBeInstanceOf(DOMException)
  expect(error).toMatchObject({ name: 'NetworkError', message: 'cut' })
})

test('destroy aborts what runs and what comes', async () => {
  const close = engine(
    ({ signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
      }),
  )
  const own = await Own.create()
  const running = own.proofread('a')
  own.destroy()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  await expect(own.proofread('a')).rejects.toMatchObject({ name: 'AbortError' })
  expect(close).toHaveBeenCalledOnce()
})
