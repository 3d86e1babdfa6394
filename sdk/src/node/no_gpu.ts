/** gpu/device.ts where there is no GPU to be had: node has no WebGPU. */
import { NearfieldError } from '../error.ts'

const none = async (): Promise<never> => {
  throw new NearfieldError('unsupported', 'node has no WebGPU')
}
export const findGpu = none
export const openGpu = none
export const FEATURES: GPUFeatureName[] = []
