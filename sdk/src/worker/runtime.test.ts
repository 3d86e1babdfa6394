/// <reference types="node" />
/** Memory of the real module in node: what it gives is zero, whatever lay there before. */
import { expect, test } from 'vitest'
import { realRuntime } from '../testing/real_wasm.ts'

test('memory comes zeroed, new and used, and what lies in it stays apart', async () => {
  const runtime = await realRuntime()
  const held: { at: number; bytes: number; fill: number }[] = []
  let seed = 7
  const random = (n: number) => {
    seed = (seed * 48271) % (2 ** 31 - 1)
    return seed % n
  }
  for (let round = 0; round < 300; round++) {
    if (held.length > 8 || random(3) === 0) {
      const [gone] = held.splice(random(held.length || 1), 1)
      if (!gone) continue
      expect(runtime.bytes(gone.at, gone.bytes).every((byte) => byte === gone.fill)).toBe(true)
      runtime.release(gone.at, gone.bytes)
    } else {
      const bytes = 1 + random(2 ** (6 + random(14)))
      const at = runtime.get(bytes)
      expect(at % 64).toBe(0)
      expect(runtime.bytes(at, bytes).every((byte) => byte === 0)).toBe(true)
      const fill = 1 + random(255)
      runtime.bytes(at, bytes).fill(fill)
      held.push({ at, bytes, fill })
    }
  }
  const large = runtime.get(2 ** 23) // grown for
  expect(runtime.bytes(large, 2 ** 23).every((byte) => byte === 0)).toBe(true)
})
