// side.mjs over Dawn, for the tests: the module, tiny models, devices to lose.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { openGpu } from '../../sdk/src/gpu/device.ts'
import { webgpu } from './dawn.mjs'
import { sidesOn } from './side.mjs'

export { CPU, GPU, S } from './side.mjs'

const compiled = WebAssembly.compile(
  readFileSync(process.env.NEARFIELD_TEST_GPU_MODEL ?? 'build/wasm/test_gpu_model.wasm'),
)
let made = null // a folder of this process alone: other files run at the same time
/** The bytes of a tiny model of make_tiny.c. */
export function tiny(name) {
  if (!made) {
    made = mkdtempSync(path.join(os.tmpdir(), 'nearfield-tiny-'))
    process.on('exit', () => rmSync(made, { recursive: true }))
    execFileSync('build/native/tests/make_tiny', [made])
  }
  return readFileSync(path.join(made, `tiny_${name}.gguf`))
}

/**
 * A device to lose or to limit. facts: changed ones; features: all that the adapter has;
 * prepare(device): before anything uses it.
 */
export async function ownGpu({ facts = {}, features, prepare = () => {} } = {}) {
  let device
  const requestAdapter = async (options) => {
    const adapter = await webgpu.requestAdapter(options)
    const { limits, info } = adapter
    const requestDevice = async (wanted) => {
      device = await adapter.requestDevice(wanted)
      prepare(device)
      return device
    }
    return { features: features ?? adapter.features, limits, info, requestDevice }
  }
  const { gpu } = await openGpu({
    requestAdapter,
    wgslLanguageFeatures: webgpu.wgslLanguageFeatures,
  })
  Object.assign(gpu.facts, facts)
  return { device, gpu }
}

export async function openSides(gpu, options) {
  return sidesOn(await compiled, gpu ?? (await openGpu(webgpu)).gpu, options)
}
