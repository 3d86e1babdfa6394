import { afterEach, expect, test, vi } from 'vitest'
import { probeOf } from './probe.ts'

afterEach(() => vi.unstubAllGlobals())

test('what is told is there, what is not is 0 or no', () => {
  vi.stubGlobal('navigator', {})
  const nothing = { cores: 0, memoryGb: 0, saveData: false, gpuFeatures: [], gpuBindingBytes: 0 }
  expect(probeOf(null)).toEqual(nothing)
  vi.stubGlobal('navigator', {
    hardwareConcurrency: 6,
    deviceMemory: 4,
    connection: { saveData: true },
  })
  const adapter = {
    features: new Set(['subgroups', 'timestamp-query']),
    limits: { maxStorageBufferBindingSize: 1024 },
  } as unknown as GPUAdapter
  expect(probeOf({ adapter })).toEqual({
    cores: 6,
    memoryGb: 4,
    saveData: true,
    gpuFeatures: ['subgroups'],
    gpuBindingBytes: 1024,
  })
})
