// What the page's GPU does at best, for the roofline: streaming read, f32 multiply-add, int8 dot,
// one dispatch inside a pass, one submit with its read back. Best of six runs each.
// Owns its own device; knows no engine.
const READ_WGSL = `
@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> o: array<u32>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) g: vec3u, @builtin(num_workgroups) n: vec3u) {
  var sum = vec4u(0);
  for (var i = g.x; i < arrayLength(&x); i += n.x * 256u) { sum += x[i]; }
  if (sum.x + sum.y + sum.z + sum.w == 12345u) { o[0] = 1u; }
}`
// 8 independent sums, 512 steps: 4096 multiply-adds (times 4 for vec4f and for a dot of 4) a thread.
const macs = (type, init, step) => `
@group(0) @binding(0) var<storage, read_write> o: array<u32>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) g: vec3u) {
  var x = ${init};
  ${Array.from({ length: 8 }, (_, k) => `var s${k} = ${type}(${type === 'i32' ? `i32(g.x) + ${k}` : `f32(g.x) + ${k}.0`});`).join('\n  ')}
  for (var i = 0u; i < 512u; i++) {
    ${Array.from({ length: 8 }, (_, k) => step.replaceAll('$', `s${k}`)).join('\n    ')}
  }
  let sum = ${Array.from({ length: 8 }, (_, k) => (type === 'i32' ? `u32(s${k})` : `u32(s${k}.x + s${k}.y + s${k}.z + s${k}.w)`)).join(' + ')};
  if (sum == 12345u) { o[0] = sum; }
}`
const F32_WGSL = macs('vec4f', 'vec4f(0.999 + f32(g.x & 7u) * 1e-6)', '$ = fma($, x, x);')
const INT8_WGSL = `requires packed_4x8_integer_dot_product;${macs('i32', 'g.x * 2654435761u', '$ += dot4I8Packed(x, u32($));')}`
const NOP_WGSL =
  '@group(0) @binding(0) var<storage, read_write> o: array<u32>; @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) g: vec3u) { o[g.x] = o[g.x] + 1u; }'

async function best(runs, fn) {
  let least = Infinity
  for (let i = 0; i < runs; i++) {
    const started = performance.now()
    await fn()
    least = Math.min(least, performance.now() - started)
  }
  return least
}

export async function measure({ small = false } = {}) {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return null
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  })
  const bytes = Math.min(small ? 2 ** 25 : 2 ** 29, maxStorageBufferBindingSize, maxBufferSize)
  const big = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE })
  const out = device.createBuffer({
    size: 2 ** 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  })
  const back = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  })
  // code -> fn(dispatches, workgroups): one pass, waited for.
  const program = (code, ...buffers) => {
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
    })
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
    return async (dispatches, workgroups, read = false) => {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(workgroups)
      pass.end()
      if (read) encoder.copyBufferToBuffer(out, 0, back, 0, 16)
      device.queue.submit([encoder.finish()])
      if (!read) return device.queue.onSubmittedWorkDone()
      await back.mapAsync(GPUMapMode.READ)
      back.unmap()
    }
  }
  const groups = small ? 16 : 4096,
    repeats = small ? 1 : 8
  const reader = program(READ_WGSL, big, out),
    f32 = program(F32_WGSL, out),
    nop = program(NOP_WGSL, out)
  const read_ms = (await best(6, () => reader(repeats, groups))) / repeats
  const f32_ms = (await best(6, () => f32(repeats, groups))) / repeats
  const steps = groups * 256 * 512 * 8 * 4
  const facts = {
    read_gb_s: bytes / read_ms / 1e6,
    f32_gmac_s: steps / f32_ms / 1e6,
    int8_gmac_s: 0,
    roundtrip_ms: await best(40, () => nop(1, 1, true)),
    dispatch_us: ((await best(6, () => nop(small ? 100 : 2000, 1))) / (small ? 100 : 2000)) * 1e3,
  }
  if (navigator.gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product')) {
    const int8 = program(INT8_WGSL, out)
    facts.int8_gmac_s = steps / ((await best(6, () => int8(repeats, groups))) / repeats) / 1e6
  }
  device.destroy()
  return facts
}
