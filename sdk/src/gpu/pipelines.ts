/**
 * Pipelines of one device: layouts from binding letters, modules from WGSL, compiled in the
 * background. Owns them; the letters are those of src/gpu/gpu.h.
 */
import { STAGE_COMPUTE } from './flags.ts'
import type { PipelineDesc } from './structs.ts'

export interface Pipeline {
  name: string
  state: 'pending' | 'ready' | 'bad'
  compiled: GPUComputePipeline | null
  layout: GPUBindGroupLayout
  /** 'u' is among the letters: dispatches give an offset. */
  dynamic: boolean
  /** Why it is bad. */
  line: string
}

interface Layout {
  group: GPUBindGroupLayout
  pipeline: GPUPipelineLayout
}

const TYPES: Record<string, GPUBufferBindingType> = {
  u: 'uniform',
  c: 'uniform',
  r: 'read-only-storage',
  w: 'storage',
}

/** "3:14 no such function"; '' when the compiler has nothing to say. */
async function firstError(module: GPUShaderModule): Promise<string> {
  const { messages } = await module.getCompilationInfo()
  const error = messages.find((message) => message.type === 'error')
  return error ? `${error.lineNum}:${error.linePos} ${error.message}` : ''
}

export class Pipelines {
  /** How many still compile. */
  pending = 0
  #device: GPUDevice
  #onSettled: () => void
  #layouts = new Map<string, Layout>()
  #modules = new Map<string, GPUShaderModule>()

  constructor(device: GPUDevice, onSettled: () => void) {
    this.#device = device
    this.#onSettled = onSettled
  }

  make(desc: PipelineDesc): Pipeline {
    const layout = this.#layout(desc.letters)
    const pipeline: Pipeline = {
      name: desc.name,
      state: 'pending',
      compiled: null,
      layout: layout.group,
      dynamic: desc.letters.includes('u'),
      line: '',
    }
    this.pending++
    this.#compile(desc, layout.pipeline)
      .then(
        (compiled) => {
          pipeline.compiled = compiled
          pipeline.state = 'ready'
        },
        (error: unknown) => {
          const line = error instanceof Error ? error.message : String(error)
          pipeline.line = `${desc.name}: ${line}`
          pipeline.state = 'bad'
        },
      )
      .finally(() => {
        this.pending--
        this.#onSettled()
      })
    return pipeline
  }

  async #compile(desc: PipelineDesc, layout: GPUPipelineLayout): Promise<GPUComputePipeline> {
    const module = this.#module(desc)
    try {
      return await this.#device.createComputePipelineAsync({
        label: desc.name,
        layout,
        compute: { module, entryPoint: desc.entry, constants: desc.constants },
      })
    } catch (error) {
      const line = await firstError(module).catch(() => '')
      throw line === '' ? error : new Error(line)
    }
  }

  #module({ name, code }: PipelineDesc): GPUShaderModule {
    let module = this.#modules.get(code)
    if (module) return module
    this.#device.pushErrorScope('validation') // what is wrong is said when a pipeline wants it
    module = this.#device.createShaderModule({ label: name, code })
    this.#device.popErrorScope().catch(() => {}) // a lost device says so itself
    this.#modules.set(code, module)
    return module
  }

  #layout(letters: string): Layout {
    const known = this.#layouts.get(letters)
    if (known) return known
    const group = this.#device.createBindGroupLayout({
      entries: [...letters].map((letter, binding) => ({
        binding,
        visibility: STAGE_COMPUTE,
        buffer: { type: TYPES[letter]!, hasDynamicOffset: letter === 'u' },
      })),
    })
    const pipeline = this.#device.createPipelineLayout({ bindGroupLayouts: [group] })
    const layout = { group, pipeline }
    this.#layouts.set(letters, layout)
    return layout
  }
}
