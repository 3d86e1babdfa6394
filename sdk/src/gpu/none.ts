/**
 * What nearfield.wasm imports to reach a GPU (src/gpu/gpu_wasm.c), and the one implementation
 * without a device: for threads, captions, and wherever there is no WebGPU.
 */
export interface GpuImports {
  gpu_facts(at: number): void
  gpu_buffer_make(bytes: number, use: number): number
  gpu_buffer_free(buffer: number): void
  gpu_buffer_write(buffer: number, at: number, from: number, bytes: number): void
  gpu_pipeline_make(desc: number): number
  gpu_pipeline_free(pipeline: number): void
  gpu_pipeline_poll(pipeline: number, error: number): number
  gpu_bind_make(pipeline: number, bindings: number, n: number): number
  gpu_bind_free(bind: number): void
  gpu_dispatch(
    pipeline: number,
    bind: number,
    offset: number,
    x: number,
    y: number,
    z: number,
  ): void
  gpu_copy(from: number, fromAt: number, to: number, toAt: number, bytes: number): void
  gpu_submit(buffer: number, at: number, bytes: number): number
  gpu_poll(ticket: number, to: number, error: number): number
}

const noDevice = (): never => {
  throw new Error('gpu.h was called without a device')
}

/** The facts stay zero (present = 0), and the engine asks for nothing else. */
export const noGpu: GpuImports = {
  gpu_facts: () => {},
  gpu_buffer_make: noDevice,
  gpu_buffer_free: noDevice,
  gpu_buffer_write: noDevice,
  gpu_pipeline_make: noDevice,
  gpu_pipeline_free: noDevice,
  gpu_pipeline_poll: noDevice,
  gpu_bind_make: noDevice,
  gpu_bind_free: noDevice,
  gpu_dispatch: noDevice,
  gpu_copy: noDevice,
  gpu_submit: noDevice,
  gpu_poll: noDevice,
}
