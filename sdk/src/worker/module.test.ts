import { expect, test } from 'vitest'
import { memoryImport, setMemoryShared } from './module.ts'

const name = (text: string) => [text.length, ...new TextEncoder().encode(text)]
/** A module that imports one function and a shared memory of 2..256 pages, and exports a
 * function that adds 5 to the word at 0 atomically and answers what was there. */
function wasmModule(flag = 3): Uint8Array<ArrayBuffer> {
  const section = (id: number, ...body: number[]) => [id, body.length, ...body]
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, 2, 0x60, 0, 1, 0x7c, 0x60, 0, 1, 0x7f),
    ...section(
      2,
      2,
      ...name('env'),
      ...name('clock'),
      0,
      0,
      ...name('env'),
      ...name('memory'),
      2,
      flag,
      2,
      0x80,
      2,
    ),
    ...section(3, 1, 1),
    ...section(7, 1, ...name('add'), 0, 1),
    ...section(10, 1, 10, 0, 0x41, 0, 0x41, 5, 0xfe, 0x1e, 2, 0, 0x0b),
  ])
}

test('finds the memory behind other imports', () => {
  const bytes = wasmModule()
  const found = memoryImport(bytes)
  expect(found).toMatchObject({ initial: 2, maximum: 256 })
  expect(bytes[found.flagAt]).toBe(3)
})

test.each([true, false])('runs over memory with shared: %s, atomics included', async (shared) => {
  const bytes = wasmModule()
  setMemoryShared(bytes, memoryImport(bytes), shared)
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 64, shared })
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, clock: () => 0 } })
  const add = instance.exports.add as () => number
  expect([add(), add()]).toEqual([0, 5])
})

test('setting the flag there and back gives the same bytes', () => {
  const bytes = wasmModule()
  const found = memoryImport(bytes)
  setMemoryShared(bytes, found, false)
  expect(bytes).not.toEqual(wasmModule())
  setMemoryShared(bytes, found, true)
  expect(bytes).toEqual(wasmModule())
})

test('anything cut or foreign is refused, never read past its end', () => {
  const whole = wasmModule()
  for (let n = 0; n < 40; n++) {
    expect(() => memoryImport(whole.slice(0, n))).toThrow(
      expect.objectContaining({ code: 'bad_input' }),
    )
  }
  expect(() => memoryImport(wasmModule(2))).toThrow('env.memory')
  expect(() => memoryImport(new TextEncoder().encode('<!doctype html><title>404</title>'))).toThrow(
    'env.memory',
  )
})
