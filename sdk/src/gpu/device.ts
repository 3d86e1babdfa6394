/**
 * From navigator.gpu to a device with all the adapter gives that the engine can use, and the facts
 * it is chosen by. Owns the list of features and limits. Does not decide whether the GPU is used.
 */
import { NearfieldError } from '../error.ts'
import { Gpu } from './gpu.ts'
import type { GpuFacts } from './structs.ts'

const FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups']
/** Asked for up to what the adapter has, and no more than the engine can use. */
const LIMITS_MAX = {
  maxBufferSize: 2 ** 32 - 4,
  maxStorageBufferBindingSize: 2 ** 32 - 4,
  maxStorageBuffersPerShaderStage: 16,
  maxComputeWorkgroupStorageSize: 65536,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
} as const

export interface OpenedGpu {
  gpu: Gpu
  /** The adapter, for keys and reports: what the browser tells of it. */
  adapter: string
}

/** Rejects with a NearfieldError 'unsupported' whose line says what is missing. */
export async function openGpu(webgpu: GPU | undefined): Promise<OpenedGpu> {
  if (!webgpu) throw new NearfieldError('unsupported', 'this browser has no WebGPU')
  const adapter = await webgpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new NearfieldError('unsupported', 'this browser offers no GPU')
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name))
  const requiredLimits: Record<string, number> = {}
  for (const [name, most] of Object.entries(LIMITS_MAX)) {
    requiredLimits[name] = Math.min(most, adapter.limits[name as keyof typeof LIMITS_MAX])
  }
  let device: GPUDevice
  try {
    device = await adapter.requestDevice({ label: 'nearfield', requiredFeatures, requiredLimits })
  } catch (error) {
    const line = `the GPU gave no device: ${error instanceof Error ? error.message : error}`
    throw new NearfieldError('unsupported', line, { cause: error })
  }
  const { vendor, architecture, device: model, description } = adapter.info
  return {
    gpu: new Gpu(device, factsOf(device, adapter.info, webgpu)),
    adapter: [vendor, architecture, model, description].filter(Boolean).join(' '),
  }
}

function factsOf({ features, limits }: GPUDevice, info: GPUAdapterInfo, webgpu: GPU): GpuFacts {
  return {
    f16: features.has('shader-f16'),
    subgroups: features.has('subgroups'),
    int8Dot: webgpu.wgslLanguageFeatures?.has('packed_4x8_integer_dot_product') ?? false,
    subgroupMin: info.subgroupMinSize ?? 0,
    subgroupMax: info.subgroupMaxSize ?? 0,
    workgroupBytesMax: limits.maxComputeWorkgroupStorageSize,
    invocationsMax: Math.min(
      limits.maxComputeInvocationsPerWorkgroup,
      limits.maxComputeWorkgroupSizeX,
      limits.maxComputeWorkgroupSizeY,
    ),
    storageBuffersMax: limits.maxStorageBuffersPerShaderStage,
    bufferBytesMax: limits.maxBufferSize,
    bindingBytesMax: limits.maxStorageBufferBindingSize,
    vendor: info.vendor,
    architecture: info.architecture,
  }
}
