import { afterEach, expect, test, vi } from 'vitest'
import { modelOf } from '../testing/fake_server.ts'
import { checkMemory } from './memory.ts'

const { manifest } = await modelOf(10, 10)
const MIB = 2 ** 20
afterEach(() => vi.unstubAllGlobals())

test.each([
  // GiB the browser tells of, MiB of the file, on the CPU, fits
  [undefined, 2047, true, true],
  [undefined, 2048, true, false],
  [undefined, 2048, false, true],
  [0.25, 64, true, true],
  [0.25, 65, true, false],
  [0.25, 65, false, false],
  [1, 448, true, true],
  [1, 449, true, false],
  [8, 2047, true, true],
])('%s GiB, a file of %i MiB, in wasm memory: %s; fits: %s', (deviceMemory, mib, inWasm, fits) => {
  vi.stubGlobal('navigator', { deviceMemory })
  const check = () => checkMemory({ ...manifest, bytes: mib * MIB }, inWasm)
  if (fits) expect(check).not.toThrow()
  else expect(check).toThrow(expect.objectContaining({ code: 'no_memory' }))
})
