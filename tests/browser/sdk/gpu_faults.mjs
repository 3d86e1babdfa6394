// Runs in the engine's worker before the SDK's own script (gpu.test.mjs puts it there): a browser
// whose GPU does what a test wants. Owns no expectation. CONFIG is what the test asks for:
//   real          the adapter says it is hardware; the engine below is told the truth, so that it
//                 takes the kernels for software, which compile in seconds (fast: it is not told)
//   noAdapter, noDevice    what the browser refuses
//   silent        the adapter is never answered for; timers run twenty times as fast
//   noFeatures    the adapter has none, so that the device is made without
//   limits        what the device says its limits are
//   loseAt        [n, ...]: device k is lost when it makes its n-th buffer
//   hugeBufferAt  the n-th buffer of a device asks for more than there is
//   shader        [find, put]: in every shader; [find, put, name]: in those whose label has the name
//   noTimers      none fires
//   slowCpu       the clock of an engine without a GPU runs a thousand times as fast
// Messages on the channel 'gpu-test', each answered with how many devices there were so far, and how
// often work was submitted to each:
//   {lose: true}        takes the last device away
//   {loseNext: n}       the next n submits each lose their device;
//     after: k          k more submits go through before them
//     later: k          a device that comes after this loss is lost when its submit k is made
//   {hugeNext: true}    the next buffer asks for more than there is
//   {skipMs: t}         the engine's clock has gone on by that much
//   {tellAt: k}         {reached: true} is said when k more submits went through and one is made

/** The hook as a script, for CONFIG. */
export const hookOf = (config) => `const CONFIG = ${JSON.stringify(config)};(${hook})();\n`

function hook() {
  const { gpu } = navigator
  const channel = new BroadcastChannel('gpu-test')
  const devices = []
  const submits = [] // of each device
  const next = { lose: 0, after: 0, later: 0, huge: false, tellAt: -1 }
  let skippedMs = 0
  const now = performance.now.bind(performance)
  performance.now = () => now() + skippedMs
  channel.onmessage = ({ data }) => {
    if (data.devices !== undefined || data.reached) return // of a hook
    if (data.lose) devices.at(-1).destroy()
    if (data.loseNext !== undefined)
      Object.assign(next, { lose: data.loseNext, after: data.after ?? 0, later: data.later ?? 0 })
    if (data.hugeNext) next.huge = true
    skippedMs += data.skipMs ?? 0
    if (data.tellAt !== undefined) next.tellAt = data.tellAt
    channel.postMessage({ devices: devices.length, submits })
  }
  if (CONFIG.noTimers) self.setTimeout = self.setInterval = () => 0
  if (CONFIG.silent) {
    const { setTimeout } = self
    self.setTimeout = (then, ms) => setTimeout(then, ms / 20)
  }
  const { instantiate } = WebAssembly
  WebAssembly.instantiate = (module, { env }) => instantiate(module, { env: patched(env) })
  if (!gpu) return
  const requestAdapter = gpu.requestAdapter.bind(gpu)
  gpu.requestAdapter = async (options) => {
    if (CONFIG.silent) return new Promise(() => {})
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
      breakDevice(device, k)
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

  /** Is the submit that is made now the one that loses its device? k: the device's. */
  function loses(k) {
    submits[k]++
    if (k > 0 && submits[k] === next.later) return true
    if (next.lose === 0 || next.after-- > 0) return false
    next.after = 0
    next.lose--
    return true
  }

  function breakDevice(device, k) {
    let nBuffers = 0
    submits[k] = 0
    const submit = device.queue.submit.bind(device.queue)
    device.queue.submit = (commands) => {
      if (commands.length === 0) return submit(commands) // a nudge: no work
      if (next.tellAt-- === 0) channel.postMessage({ reached: true })
      if (loses(k)) device.destroy()
      submit(commands)
    }
    const createBuffer = device.createBuffer.bind(device)
    device.createBuffer = (descriptor) => {
      if (++nBuffers === CONFIG.loseAt?.[k]) device.destroy()
      const huge = next.huge || nBuffers === CONFIG.hugeBufferAt
      next.huge = false
      return createBuffer({ ...descriptor, size: huge ? 2 ** 45 : descriptor.size })
    }
    const createShaderModule = device.createShaderModule.bind(device)
    device.createShaderModule = (descriptor) => {
      const [find, put, name = ''] = CONFIG.shader ?? []
      if (!find || !descriptor.label.includes(name)) return createShaderModule(descriptor)
      return createShaderModule({ ...descriptor, code: descriptor.code.replace(find, put) })
    }
    if (!CONFIG.limits) return
    const limits = {}
    for (const name in device.limits) limits[name] = device.limits[name]
    Object.defineProperty(device, 'limits', { value: { ...limits, ...CONFIG.limits } })
  }
}
