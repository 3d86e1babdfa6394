// Runs in the engine's worker before the SDK's own script (gpu.test.mjs puts it there): a browser
// whose GPU does what a test wants. Owns no expectation. CONFIG is what the test asks for:
//   real          the adapter says it is hardware; the engine below is told the truth, so that it
//                 takes the kernels for software, which compile in seconds (fast: it is not told)
//   noAdapter, noDevice    what the browser refuses
//   noFeatures    the adapter has none, so that the device is made without
//   limits        what the device says its limits are
//   loseAt        [n, ...]: device k is lost when it makes its n-th buffer
//   hugeBufferAt  the n-th buffer of a device asks for more than there is
//   shader        [find, put]: in every shader
//   noTimers      none fires
//   slowCpu       the clock of an engine without a GPU runs a thousand times as fast
// Messages on the channel 'gpu-test', each answered with how many devices there were so far:
//   {lose: true}        takes the last device away
//   {loseNext: n}       the next n submits each lose their device

/** The hook as a script, for CONFIG. */
export const hookOf = (config) => `const CONFIG = ${JSON.stringify(config)};(${hook})();\n`

function hook() {
  const { gpu } = navigator
  const channel = new BroadcastChannel('gpu-test')
  const devices = []
  let loseNext = 0
  channel.onmessage = ({ data }) => {
    if (data.devices !== undefined) return // an answer
    if (data.lose) devices.at(-1).destroy()
    loseNext = data.loseNext ?? loseNext
    channel.postMessage({ devices: devices.length })
  }
  if (CONFIG.noTimers) self.setTimeout = self.setInterval = () => 0
  const { instantiate } = WebAssembly
  WebAssembly.instantiate = (module, { env }) => instantiate(module, { env: patched(env) })
  if (!gpu) return
  const requestAdapter = gpu.requestAdapter.bind(gpu)
  gpu.requestAdapter = async (options) => {
    const adapter = CONFIG.noAdapter ? null : await requestAdapter(options)
    if (!adapter) return null
    if (CONFIG.real) {
      const info = { vendor: 'acme', architecture: 'gpu-9000', device: '', description: '' }
      Object.defineProperty(adapter, 'info', { value: { ...info, isFallbackAdapter: false } })
    }
    if (CONFIG.noFeatures) Object.defineProperty(adapter, 'features', { value: new Set() })
    const requestDevice = adapter.requestDevice.bind(adapter)
    adapter.requestDevice = async (descriptor) => {
      if (CONFIG.noDevice) throw new TypeError('no device today')
      const device = await requestDevice(descriptor)
      const k = devices.push(device) - 1
      breakDevice(device, CONFIG.loseAt?.[k])
      return device
    }
    return adapter
  }

  /** The engine's imports; one without a GPU has facts that take no argument (gpu/none.ts). */
  function patched(env) {
    const { nf_clock_ms: clock, gpu_facts: facts, memory } = env
    if (facts.length === 0) {
      const start = clock()
      const speed = CONFIG.slowCpu ? 1000 : 1
      return { ...env, nf_clock_ms: () => start + speed * (clock() - start) }
    }
    const told = (at) => {
      facts(at)
      const architecture = at + 88 // of struct gpu_facts
      const name = new TextEncoder().encode('swiftshader\0')
      new Uint8Array(memory.buffer, architecture, name.length).set(name)
    }
    return CONFIG.real && !CONFIG.fast ? { ...env, gpu_facts: told } : env
  }

  function breakDevice(device, loseAt) {
    let nBuffers = 0
    const submit = device.queue.submit.bind(device.queue)
    device.queue.submit = (commands) => {
      if (commands.length === 0) return submit(commands) // a nudge: no work
      if (loseNext > 0) {
        loseNext--
        device.destroy()
      }
      submit(commands)
    }
    const createBuffer = device.createBuffer.bind(device)
    device.createBuffer = (descriptor) => {
      if (++nBuffers === loseAt) device.destroy()
      const size = nBuffers === CONFIG.hugeBufferAt ? 2 ** 45 : descriptor.size
      return createBuffer({ ...descriptor, size })
    }
    const createShaderModule = device.createShaderModule.bind(device)
    device.createShaderModule = (descriptor) => {
      const code = CONFIG.shader ? descriptor.code.replace(...CONFIG.shader) : descriptor.code
      return createShaderModule({ ...descriptor, code })
    }
    if (!CONFIG.limits) return
    const limits = {}
    for (const name in device.limits) limits[name] = device.limits[name]
    Object.defineProperty(device, 'limits', { value: { ...limits, ...CONFIG.limits } })
  }
}
