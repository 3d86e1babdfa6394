/** The bits of WebGPU's flag types, which TypeScript's libraries do not declare.
 * source WebGPU, "GPUBufferUsage", "GPUMapMode", "GPUShaderStage" */
export const MAP_READ = 0x1
export const COPY_SRC = 0x4
export const COPY_DST = 0x8
export const UNIFORM = 0x40
export const STORAGE = 0x80
export const MAP_MODE_READ = 0x1
export const STAGE_COMPUTE = 0x4
