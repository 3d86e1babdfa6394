import { expect, test } from 'vitest'
import { NearfieldError } from './error.ts'
import { status, statusCodes } from './status.gen.ts'
import { errorOfStatus, fromWire, toWire } from './wire_error.ts'

test('every failing status has a code, no other has', () => {
  for (const [name, value] of Object.entries(status)) {
    expect(statusCodes.get(value)).toBe(value < 0 ? name : undefined)
  }
  expect(errorOfStatus(-3, 'line 4: what')).toMatchObject({
    code: 'bad_input',
    message: 'line 4: what',
  })
  expect(errorOfStatus(-99, '')).toMatchObject({ code: 'lost' })
})

test('errors cross the wire with code and line; aborts become AbortError', () => {
  const back = fromWire(structuredClone(toWire(new NearfieldError('no_memory', 'too large'))))
  expect(back).toBeInstanceOf(NearfieldError)
  expect(back).toMatchObject({ code: 'no_memory', message: 'too large' })
  const abort = fromWire(toWire(AbortSignal.abort().reason))
  expect(abort).toBeInstanceOf(DOMException)
  expect(abort.name).toBe('AbortError')
  expect(fromWire(toWire(errorOfStatus(status.cancelled, ''))).name).toBe('AbortError')
})
