/** The GPU that WebGPU offers to this page, with what of it the engine can use. Makes no device. */
import { FEATURES, findGpu, LIMITS_MAX } from '../gpu/device.ts'
import type { Fact } from './lines.ts'
import { within } from './within.ts'

export async function gpuFacts(): Promise<Fact[]> {
  const webgpu = navigator.gpu as GPU | undefined
  const found = await within(() => findGpu(webgpu))
  if (typeof found === 'string') return [['adapter', found]]
  const { adapter, software } = found
  const { info, features, limits } = adapter
  const has = (name: string) => (features.has(name) ? name : `no ${name}`)
  const dots = webgpu?.wgslLanguageFeatures?.has('packed_4x8_integer_dot_product')
  const names = Object.keys(LIMITS_MAX) as (keyof typeof LIMITS_MAX)[]
  return [
    ['vendor', info.vendor],
    ['architecture', info.architecture],
    ['device', info.device],
    ['description', info.description],
    ['software', software ? 'yes' : 'no'],
    ['features', FEATURES.map(has).join(', ')],
    ['8-bit dots', dots ? 'yes' : 'no'],
    ['subgroups', `${info.subgroupMinSize ?? '?'} to ${info.subgroupMaxSize ?? '?'} wide`],
    ...names.map((name): Fact => [name, String(limits[name])]),
  ]
}
