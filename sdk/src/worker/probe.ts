/** What the browser tells the worker of the device, for Status. Read next: ../report.ts. */
import { FEATURES, type FoundGpu } from '../gpu/device.ts'
import type { Probe } from '../types.ts'

/** Not in every browser, nor in the types. */
interface Tells {
  deviceMemory?: number
  connection?: { saveData?: boolean }
}

/** gpu: as it was found, if it was looked for. */
export function probeOf(gpu: Pick<FoundGpu, 'adapter'> | null): Probe {
  const { deviceMemory = 0, connection } = navigator as unknown as Tells
  return {
    cores: navigator.hardwareConcurrency || 0,
    memoryGb: deviceMemory,
    saveData: connection?.saveData === true,
    gpuFeatures: FEATURES.filter((name) => gpu?.adapter.features.has(name)),
    gpuBindingBytes: gpu?.adapter.limits.maxStorageBufferBindingSize ?? 0,
  }
}
