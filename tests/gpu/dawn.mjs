// WebGPU in node: Dawn (npm package webgpu) over whatever Vulkan the environment names; the suite
// `gpu` of tools/test.mjs names Chromium's own loader and its software driver SwiftShader.
// Owns Dawn: its object must stay referenced as long as anything of it lives, or it aborts.
import { create, globals } from 'webgpu'

Object.assign(globalThis, globals)

/** What navigator.gpu is in a browser. */
export const webgpu = create([])

if (!(await webgpu.requestAdapter())) {
  throw new Error(
    'no Vulkan device: run ./dev test gpu, or set LD_LIBRARY_PATH=/usr/lib/chromium VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json',
  )
}
