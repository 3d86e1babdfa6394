/**
 * src/gpu/gpu.h over a GPUDevice: what nearfield.wasm imports, and for the JavaScript around it
 * when to call again. No DOM: it runs in a worker, and in node over Dawn.
 * Owns the device and all made on it. Does not know kernels or models, and starts nothing over:
 * a device that failed stays failed. Read next: device.ts, structs.ts, worker/engine.ts.
 */
import { status as S } from '../status.gen.ts'
import { COPY_DST, COPY_SRC, MAP_MODE_READ, STORAGE, UNIFORM } from './flags.ts'
import type { GpuImports } from './none.ts'
import { Nudge } from './nudge.ts'
import { type Pipeline, Pipelines } from './pipelines.ts'
import { type GpuFacts, getBindings, getPipelineDesc, putError, putFacts } from './structs.ts'
import { Tickets } from './tickets.ts'

/** Why a device works no more. */
export interface GpuFailure {
  kind: 'lost' | 'no_memory' | 'unsupported'
  line: string
}

interface Bind {
  group: GPUBindGroup
  dynamic: boolean
}

const USE_UNIFORM = 1

/** Things by handle; a handle is used again when it was freed. */
class Table<T> {
  #things: (T | undefined)[] = [undefined]
  #free: number[] = []

  add(thing: T): number {
    const handle = this.#free.pop() ?? this.#things.length
    this.#things[handle] = thing
    return handle
  }
  get(handle: number): T {
    const thing = this.#things[handle]
    if (thing === undefined) throw new Error(`gpu.h: no handle ${handle}`)
    return thing
  }
  free(handle: number): T {
    const thing = this.get(handle)
    this.#things[handle] = undefined
    this.#free.push(handle)
    return thing
  }
}

export class Gpu {
  readonly facts: GpuFacts
  /** Set once; a lost device replaces another failure. */
  failure: GpuFailure | null = null
  /** Resolves when `failure` is set for the first time. */
  readonly failed: Promise<GpuFailure>
  /** Counts for receipts and tests. */
  readonly counts = { submits: 0, dispatches: 0, bytesRead: 0 }
  readonly nudge: Nudge
  /**
   * So many dispatches go to the device first, so that it starts early, and so many each time after
   * that, while the next are recorded: few times, for between two it stands still.
   */
  sendFirst = 60
  sendEach = 160
  #device: GPUDevice
  #memory: WebAssembly.Memory | null = null
  #closed = false
  #takesMemory = true
  #buffers = new Table<GPUBuffer>()
  #pipelines = new Table<Pipeline>()
  #binds = new Table<Bind>()
  #compiler: Pipelines
  #tickets: Tickets
  /** Error scopes whose answer is still to come. */
  #checks = 0
  #encoder: GPUCommandEncoder | null = null
  #pass: GPUComputePassEncoder | null = null
  #passPipeline = 0
  #offset = new Uint32Array(1)
  #commands: GPUCommandBuffer[] = []
  #recorded = 0
  #sendAt = this.sendFirst
  /** Dispatches when the nudge last heard of them. */
  #told = 0
  #news = false
  #sleepers: (() => void)[] = []
  #tellFailed: (failure: GpuFailure) => void = () => {}

  constructor(device: GPUDevice, facts: GpuFacts) {
    this.#device = device
    this.facts = facts
    this.failed = new Promise((resolve) => {
      this.#tellFailed = resolve
    })
    this.#compiler = new Pipelines(device, this.#wake)
    const ended = () => {
      this.nudge.end()
      this.#wake()
    }
    this.#tickets = new Tickets(device, ended, (error) => {
      // What waits on the queue is refused when the device goes; lost's own line is better.
      if (!this.failure) this.#fail({ kind: 'lost', line: `the GPU device failed: ${error}` })
    })
    this.nudge = new Nudge(device, () => this.#tickets.pending > 0 && !this.failure)
    device.addEventListener('uncapturederror', (event) => {
      this.#fail({ kind: 'unsupported', line: `the GPU refused: ${event.error.message}` })
    })
    device.lost.then((info) => {
      const line = `the GPU device was lost: ${info.message || info.reason || 'no reason given'}`
      if (!this.#closed) this.#fail({ kind: 'lost', line })
    })
  }

  /** Does anything run whose end settled() would tell? */
  get waiting(): boolean {
    return this.#tickets.pending + this.#compiler.pending + this.#checks > 0
  }

  /** Resolves when a ticket or a pipeline changed its state since the last time, or all failed. */
  settled(): Promise<void> {
    if (this.#news || !this.waiting || this.failure) {
      this.#news = false
      return Promise.resolve()
    }
    return new Promise((resolve) => this.#sleepers.push(resolve))
  }

  /** Gives everything back. The handles of C mean nothing any more. */
  close(): void {
    this.#closed = true
    this.nudge.close()
    this.#device.destroy()
  }

  /** The imports of one instance; `memory` is its memory. */
  imports(memory: WebAssembly.Memory): GpuImports {
    this.#memory = memory
    return {
      gpu_facts: (at) => putFacts(memory, at, this.facts),
      gpu_buffer_make: (bytes, use) => this.#bufferMake(bytes, use),
      gpu_buffer_free: (buffer) => this.#buffers.free(buffer).destroy(),
      gpu_buffer_write: (buffer, at, from, bytes) => this.#write(buffer, at, from >>> 0, bytes),
      gpu_pipeline_make: (desc) =>
        this.#pipelines.add(this.#compiler.make(getPipelineDesc(memory, desc))),
      gpu_pipeline_free: (pipeline) => void this.#pipelines.free(pipeline),
      gpu_pipeline_poll: (pipeline, error) => this.#pipelinePoll(pipeline, error),
      gpu_bind_make: (pipeline, at, n) => this.#bindMake(pipeline, at, n),
      gpu_bind_free: (bind) => void this.#binds.free(bind),
      gpu_dispatch: (pipeline, bind, offset, x, y, z) =>
        this.#dispatch(pipeline, bind, offset, x, y, z),
      gpu_copy: (from, fromAt, to, toAt, bytes) => {
        if (this.failure) return
        const [source, target] = [this.#buffers.get(from), this.#buffers.get(to)]
        this.#openEncoder().copyBufferToBuffer(source, fromAt, target, toAt, bytes)
      },
      gpu_submit: (buffer, at, bytes) => this.#submit(buffer, at, bytes),
      gpu_poll: (ticket, to, error) => this.#poll(ticket, to, error),
    }
  }

  #wake = (): void => {
    this.#news = this.#sleepers.length === 0
    for (const resolve of this.#sleepers.splice(0)) resolve()
  }

  /** The engine found that this device cannot do what it needs. */
  refuse(line: string): void {
    this.#fail({ kind: 'unsupported', line })
  }

  #fail({ kind, line }: GpuFailure): void {
    const failure = { kind, line: line.replace(/\s+/g, ' ').trim() } // browsers write several
    if (!this.failure || (failure.kind === 'lost' && this.failure.kind !== 'lost')) {
      this.failure = failure
      this.#tellFailed(failure)
    }
    this.#wake()
  }

  /** Runs `make` and hears, later, of the errors it caused. */
  #checked<T>(kinds: GPUErrorFilter[], failAs: GpuFailure['kind'], make: () => T): T {
    for (const kind of kinds) this.#device.pushErrorScope(kind)
    const made = make()
    for (const _ of kinds) {
      this.#checks++
      this.#device
        .popErrorScope()
        .then((error) => {
          if (error) this.#fail({ kind: failAs, line: `the GPU refused: ${error.message}` })
        })
        .catch(() => {}) // a lost device says so itself
        .finally(() => {
          this.#checks--
          this.#wake()
        })
    }
    return made
  }

  #bufferMake(bytes: number, use: number): number {
    const kind = use === USE_UNIFORM ? UNIFORM : STORAGE
    const usage = kind | COPY_DST | COPY_SRC
    const make = () => this.#device.createBuffer({ size: bytes, usage })
    return this.#buffers.add(this.#checked(['out-of-memory', 'validation'], 'no_memory', make))
  }

  #write(buffer: number, at: number, from: number, bytes: number): void {
    if (this.failure) return
    const to = this.#buffers.get(buffer)
    const { queue } = this.#device
    const memory = this.#memory!.buffer
    if (this.#takesMemory) {
      try {
        queue.writeBuffer(to, at, memory, from, bytes)
        return
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        this.#takesMemory = false // Dawn in node knows no shared memory
      }
    }
    queue.writeBuffer(to, at, new Uint8Array(memory, from, bytes).slice())
  }

  #bindMake(handle: number, at: number, n: number): number {
    const { layout, dynamic } = this.#pipelines.get(handle)
    const entries = getBindings(this.#memory!, at, n).map((b, binding) => ({
      binding,
      resource: { buffer: this.#buffers.get(b.buffer), offset: b.at, size: b.bytes },
    }))
    const make = () => this.#device.createBindGroup({ layout, entries })
    return this.#binds.add({ group: this.#checked(['validation'], 'unsupported', make), dynamic })
  }

  #pipelinePoll(handle: number, error: number): number {
    const { state, line } = this.#pipelines.get(handle)
    if (this.failure) return this.#answer(this.failure, error) // nobody waits for it any more
    if (state === 'pending') return S.pending
    return state === 'ready' ? S.ok : this.#answer({ kind: 'unsupported', line }, error)
  }

  #answer({ kind, line }: GpuFailure, error: number): number {
    putError(this.#memory!, error, line)
    return S[kind]
  }

  #openEncoder(): GPUCommandEncoder {
    this.#pass?.end()
    this.#pass = null
    this.#encoder ??= this.#device.createCommandEncoder()
    return this.#encoder
  }

  #dispatch(handle: number, bind: number, offset: number, x: number, y: number, z: number): void {
    if (this.failure) return
    if (!this.#pass) {
      this.#pass = this.#openEncoder().beginComputePass()
      this.#passPipeline = 0
    }
    if (this.#passPipeline !== handle) {
      const { compiled, name } = this.#pipelines.get(handle)
      if (!compiled) throw new Error(`gpu.h: the pipeline ${name} was not polled to its end`)
      this.#pass.setPipeline(compiled)
      this.#passPipeline = handle
    }
    const { group, dynamic } = this.#binds.get(bind)
    if (dynamic) {
      this.#offset[0] = offset
      this.#pass.setBindGroup(0, group, this.#offset, 0, 1)
    } else {
      this.#pass.setBindGroup(0, group)
    }
    this.#pass.dispatchWorkgroups(x, y, z)
    this.counts.dispatches++
    if (++this.#recorded >= this.#sendAt) {
      this.#send()
      this.#sendAt = this.sendEach
    }
  }

  /** What is recorded goes to the device. */
  #send(): void {
    this.#checked(['validation'], 'unsupported', () => {
      this.#commands[0] = this.#openEncoder().finish()
      this.#device.queue.submit(this.#commands)
    })
    this.#encoder = null
    this.#recorded = 0
    this.counts.submits++
  }

  #submit(buffer: number, at: number, bytes: number): number {
    const handle = this.#tickets.take(this.failure ? 0 : bytes)
    const ticket = this.#tickets.get(handle)
    if (this.failure) {
      this.#encoder = null
      this.#pass = null
      ticket.state = 'done'
      this.#tickets.pending--
      return handle
    }
    const { staging } = ticket
    if (staging) {
      this.#openEncoder().copyBufferToBuffer(this.#buffers.get(buffer), at, staging, 0, bytes)
    }
    this.#send()
    this.#sendAt = this.sendFirst
    const { queue } = this.#device
    const end = staging ? staging.mapAsync(MAP_MODE_READ, 0, bytes) : queue.onSubmittedWorkDone()
    this.#tickets.waitFor(ticket, end)
    this.nudge.start(Math.max(this.counts.dispatches - this.#told, 1))
    this.#told = this.counts.dispatches
    this.counts.bytesRead += bytes
    return handle
  }

  #poll(handle: number, to: number, error: number): number {
    const ticket = this.#tickets.get(handle)
    if (this.failure) {
      this.#tickets.end(handle, null)
      return this.#answer(this.failure, error)
    }
    if (ticket.state === 'pending' || this.#checks > 0) return S.pending
    const into = to === 0 ? null : new Uint8Array(this.#memory!.buffer, to >>> 0, ticket.bytes)
    this.#tickets.end(handle, into)
    return S.ok
  }
}
