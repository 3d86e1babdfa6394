// What relaxed.mjs marks is all that there is, and a module without it runs.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { markRelaxed } from './relaxed.mjs'
import { realEngine } from './src/testing/real_wasm.ts'
import { dropRelaxed } from './src/worker/module.ts'

const shipped = () =>
  new Uint8Array(readFileSync(new URL('./dist/nearfield.wasm', import.meta.url)))

test('what is marked is dropped, nothing is left, and the module is valid before and after', () => {
  const module = shipped()
  expect(WebAssembly.validate(module)).toBe(true)
  const before = module.length
  dropRelaxed(module)
  expect(module.length).toBe(before)
  expect(WebAssembly.validate(module)).toBe(true)
  expect(() => markRelaxed(module)).toThrow('no relaxed SIMD')
  expect(module).not.toEqual(shipped())
})

test('a module that is marked is not marked again, one that is cut is refused', () => {
  expect(() => markRelaxed(shipped())).toThrow('custom section already')
  expect(() => markRelaxed(shipped().slice(0, 100_000))).toThrow('relaxed.mjs')
})

test.each([
  [true, /^relaxed/],
  [false, /^simd128$/],
])('with relaxed SIMD %s the engine runs %s', async (relaxed, kernels) => {
  const engine = await realEngine('', relaxed)
  expect(engine.facts.kernels).toMatch(kernels)
  const pass = async () => {}
  const { text } = await engine.edit({ task: 'fix', text: 'she go to the libary' }, { pass })
  expect(text).toBe('She went to the library.')
  engine.close()
})
