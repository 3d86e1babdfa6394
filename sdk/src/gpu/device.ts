/**
 * From navigator.gpu to a device with all the adapter gives that the engine can use, and the facts
 * it is chosen by. Owns the list of features and limits. Does not decide whether the GPU is used.
 */
import { NearfieldError } from '../error.ts'
import { Gpu } from './gpu.ts'
import type { GpuFacts } from './structs.ts'

export const FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups']
/** Asked for up to what the adapter has, and no more than the engine can use. */
export const LIMITS_MAX = {
  maxBufferSize: 2 ** 32 - 4,
  maxStorageBufferBindingSize: 2 ** 32 - 4,
  maxStorageBuffersPerShaderStage: 16,
  maxComputeWorkgroupStorageSize: 65536,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
} as const

export interface FoundGpu {
  /** Gives one device, once. */
  adapter: GPUAdapter
  /** For keys and reports: what the browser tells of it. */
  name: string
  /** A CPU that plays GPU. */
  software: boolean
}
export interface OpenedGpu {
  gpu: Gpu
  /** FoundGpu.name */
  adapter: string
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i

/** Long, as a GPU process that starts on a busy machine takes its seconds. */
const ANSWER_MS = 20_000
/** A browser whose GPU process hangs answers nothing; a page is not to hang with it. */
function answered<T>(asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new NearfieldError('unsupported', `the GPU: no answer within ${ANSWER_MS / 1000} s`))
    }, ANSWER_MS)
    asked.then(resolve, reject).finally(() => clearTimeout(late))
  })
}

/** Rejects with a NearfieldError 'unsupported' whose line says what is missing. */
export async function findGpu(webgpu: GPU | undefined): Promise<FoundGpu> {
  if (!webgpu) throw new NearfieldError('unsupported', 'this browser has no WebGPU')
  const adapter = await answered(webgpu.requestAdapter({ powerPreference: 'high-performance' }))
  if (!adapter) throw new NearfieldError('unsupported', 'this browser offers no GPU')
  const { vendor, architecture, device, description } = adapter.info
  const name = [vendor, architecture, device, description].filter(Boolean).join(' ')
  return { adapter, name, software: adapter.info.isFallbackAdapter || SOFTWARE.test(name) }
}

/** Rejects as findGpu, and when the adapter gives no device. */
export async function openGpu(webgpu: GPU | undefined): Promise<OpenedGpu> {
  const { adapter, name } = await findGpu(webgpu)
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature))
  const requiredLimits: Record<string, number> = {}
  for (const [limit, most] of Object.entries(LIMITS_MAX)) {
    requiredLimits[limit] = Math.min(most, adapter.limits[limit as keyof typeof LIMITS_MAX])
  }
  let device: GPUDevice
  try {
    device = await adapter.requestDevice({ label: 'nearfield', requiredFeatures, requiredLimits })
  } catch (error) {
    const line = `the GPU gave no device: ${error instanceof Error ? error.message : error}`
    throw new NearfieldError('unsupported', line, { cause: error })
  }
  return { gpu: new Gpu(device, factsOf(device, adapter.info, webgpu!)), adapter: name }
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
