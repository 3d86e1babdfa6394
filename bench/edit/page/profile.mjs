// Where a pass's time goes on this machine's GPU, kernel by kernel, and what other shapes of
// workgroups would make of it.
//   profile.html?[rows=1,4,24][&kernels=1,24][&repeats=15][&vendor=NAME]
//     [&paces=60,160,0.1;40,40,0.05][&sweep=attention=1;*.vec_rows=4][&adapter=URL], whose passes are
//     measured beside those without it, in each setting
// A kernel's time is what the pass takes longer when that kernel alone is dispatched TIMES times in
// its place (each gives the same again), so barriers and launches are in it and no timer is between.
// Each setting of `sweep` is a model opened anew, by gpu_tune_set of src/gpu/kernels_tune.c.
// Bundled by device/pack.sh.
import { openGpu } from '../../../sdk/src/gpu/device.ts'
import { GPU, S, sidesOn } from '../../../tests/gpu/side.mjs'

const TIMES = 5
const CONTEXT = 128
const query = new URLSearchParams(location.search)
const list = (name, otherwise, cut) => (query.get(name) ?? otherwise).split(cut)
const rowCounts = list('rows', '1,4,8,16,24,32,64', ',').map(Number)
const kernelRows = list('kernels', '1,24', ',').map(Number)
const repeats = Number(query.get('repeats') ?? 15)
const round = (x) => Math.round(x * 100) / 100

// ---- what is dispatched, and how often ----
const tap = { label: '', repeated: null, counts: new Map() }
const proto = GPUComputePassEncoder.prototype
const { setPipeline, dispatchWorkgroups } = proto
proto.setPipeline = function (pipeline) {
  tap.label = pipeline.label
  setPipeline.call(this, pipeline)
}
proto.dispatchWorkgroups = function (...groups) {
  tap.counts.set(tap.label, (tap.counts.get(tap.label) ?? 0) + 1)
  const times = tap.label === tap.repeated ? TIMES : 1
  for (let i = 0; i < times; i++) dispatchWorkgroups.apply(this, groups)
}

const tokensOf = (s, n) => Array.from({ length: n }, (_, i) => (500 + 7 * i) % s.e.n_vocab(GPU))
// ---- what does not compile here ----
const { createComputePipelineAsync } = GPUDevice.prototype
GPUDevice.prototype.createComputePipelineAsync = async function (desc) {
  try {
    return await createComputePipelineAsync.call(this, desc)
  } catch (error) {
    console.log(`${desc.label} does not compile: ${error.message}`)
    throw error
  }
}

// ---- how long the device itself worked: timestamps around every compute pass ----
const clock = { device: null, on: false, set: null, n: 0 }
const STAMPS = 256
const { requestDevice } = GPUAdapter.prototype
GPUAdapter.prototype.requestDevice = async function (desc) {
  const requiredFeatures = [...(desc.requiredFeatures ?? []), 'timestamp-query']
  clock.device = await requestDevice.call(this, { ...desc, requiredFeatures })
  clock.set = clock.device.createQuerySet({ type: 'timestamp', count: STAMPS })
  return clock.device
}
const { beginComputePass } = GPUCommandEncoder.prototype
GPUCommandEncoder.prototype.beginComputePass = function () {
  if (!clock.on || clock.n + 2 > STAMPS) return beginComputePass.call(this)
  const at = clock.n
  clock.n += 2
  const timestampWrites = {
    querySet: clock.set,
    beginningOfPassWriteIndex: at,
    endOfPassWriteIndex: at + 1,
  }
  return beginComputePass.call(this, { timestampWrites })
}
/** ms from the first stamp to the last, and within passes. */
async function stamps() {
  const { device, set, n } = clock
  const size = 8 * n
  const usage = GPUBufferUsage
  const on = device.createBuffer({ size, usage: usage.QUERY_RESOLVE | usage.COPY_SRC })
  const to = device.createBuffer({ size, usage: usage.MAP_READ | usage.COPY_DST })
  const encoder = device.createCommandEncoder()
  encoder.resolveQuerySet(set, 0, n, on, 0)
  encoder.copyBufferToBuffer(on, 0, to, 0, size)
  device.queue.submit([encoder.finish()])
  await to.mapAsync(GPUMapMode.READ)
  const t = [...new BigUint64Array(to.getMappedRange())].map(Number)
  to.destroy()
  let within = 0
  for (let i = 0; i < n; i += 2) within += t[i + 1] - t[i]
  return { whole: (t[n - 1] - t[0]) / 1e6, within: within / 1e6 }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

/** Median ms of a pass of m rows, all of them asked for, after CONTEXT tokens. */
async function passMs(s, m, n, more = 0, adapter = false) {
  const spans = [{ tokens: tokensOf(s, m), pos: CONTEXT, out: m }]
  const ms = []
  for (let i = 0; i < n + 2; i++) {
    const start = performance.now()
    const { status } = await s.pass(GPU, spans, { more, adapter })
    if (status !== S.ok) throw new Error(`status ${status}: ${s.line}`)
    if (i >= 2) ms.push(performance.now() - start)
  }
  return median(ms)
}

/** Of a pass of m rows, ms: recording it here, on the device, all of it; means. */
async function phases(s, m, options = {}) {
  const spans = [{ tokens: tokensOf(s, m), pos: CONTEXT, out: m }]
  const sum = { record: 0, whole: 0, within: 0, all: 0 }
  for (let i = 0; i < repeats; i++) {
    clock.n = 0
    clock.on = true
    const start = performance.now()
    s.passBegin(GPU, spans, options)
    const first = s.e.pass_step(GPU)
    const recorded = performance.now()
    if (first === S.pending) await s.until(() => s.e.pass_step(GPU))
    const end = performance.now()
    clock.on = false
    const { whole, within } = await stamps()
    sum.record += recorded - start
    sum.all += end - start
    sum.whole += whole
    sum.within += within
  }
  return Object.fromEntries(Object.entries(sum).map(([k, v]) => [k, round(v / repeats)]))
}

/** Passes of every size, and what of it the device worked; a token is an eighth of eight more steps. */
async function sizes(s, adapter = false) {
  const one = await passMs(s, 1, repeats, 0, adapter)
  const nine = await passMs(s, 1, repeats, 8, adapter)
  const table = { decode_ms: round((nine - one) / 8), decode_tok_s: Math.round(8e3 / (nine - one)) }
  for (const m of rowCounts) table[m] = round(await passMs(s, m, repeats, 0, adapter))
  table.device = {}
  for (const m of rowCounts) table.device[m] = (await phases(s, m, { adapter })).within
  return table
}

/** The same with the adapter, which is opened, and closed again after `more`. */
async function adapterSizes(s, bytes, more = async () => {}) {
  if (s.adapter(GPU, bytes) !== S.ok) throw new Error(s.line)
  await passMs(s, 1, 1, 0, true) // its kernels are compiled
  const replaced = s.text(s.e.replaced(GPU))
  if (replaced) console.log(`replaced: ${replaced}`)
  const table = await sizes(s, true)
  await more()
  s.e.adapter_close(GPU)
  return table
}

async function opened(module, file, shapes) {
  const { gpu } = await openGpu(navigator.gpu)
  const s = await sidesOn(module, gpu)
  const start = performance.now()
  const kernels = shapes ? `webgpu:${shapes}` : undefined
  const status = await s.load(GPU, file, { ctx: 512, chunk: 1 << 22, kernels })
  if (status !== S.ok) throw new Error(`status ${status}: ${s.line}`)
  const load_ms = Math.round(performance.now() - start)
  const replaced = s.text(s.e.replaced(GPU))
  if (replaced) console.log(`replaced: ${replaced}`)
  const races = [0, 1].map((what) => [0, 1].map((way) => round(s.e.race_ns(GPU, what, way) / 1e6)))
  s.e.caches_open(GPU, 256)
  const tokens = tokensOf(s, 64)
  for (let pos = 0; pos < CONTEXT; pos += 64) await s.pass(GPU, [{ tokens, pos, out: 1 }])
  return { s, gpu, load_ms, races }
}

/** us of one dispatch of each kernel in a pass of m rows, and how many there are. */
async function kernels(s, m, adapter = false) {
  tap.counts.clear()
  await passMs(s, m, 1, 0, adapter) // 3 passes
  const counts = [...tap.counts]
  const more = m === 1 ? 8 : 0 // steps of one row: the round trip does not hide what is repeated
  const table = {}
  for (const [name, n] of counts) {
    tap.repeated = null
    const plain = await passMs(s, m, repeats, more, adapter)
    tap.repeated = name
    const longer = await passMs(s, m, repeats, more, adapter)
    const each = (n / 3) * (more + 1)
    table[name] = [round(((longer - plain) * 1e3) / ((TIMES - 1) * each)), n / 3]
  }
  tap.repeated = null
  return table
}

window.run = async () => {
  const module = await WebAssembly.compileStreaming(fetch('/parity/test_gpu_model.wasm'))
  const file = new Uint8Array(await (await fetch('/model/model.gguf')).arrayBuffer())
  const { s, gpu, load_ms, races } = await opened(module, file, '')
  const { vendor, architecture } = gpu.facts
  const wanted = query.get('vendor')
  if (wanted && vendor !== wanted) throw new Error(`the GPU is ${vendor}'s, not ${wanted}'s`)
  const report = {
    gpu: { vendor, architecture },
    load_ms,
    races,
    sizes: await sizes(s),
    kernels: {},
  }
  console.log('default', JSON.stringify({ load_ms, races, ...report.sizes }))
  const url = query.get('adapter')
  const adapter = url ? new Uint8Array(await (await fetch(url)).arrayBuffer()) : null
  if (adapter) {
    report.adapter = await adapterSizes(s, adapter, async () => {
      report.adapter_kernels = {}
      for (const m of kernelRows) report.adapter_kernels[m] = await kernels(s, m, true)
    })
    console.log('with the adapter', JSON.stringify([report.adapter, report.adapter_kernels]))
  }
  report.paces = {}
  for (const pace of list('paces', '', ';').filter(Boolean)) {
    // sendFirst,sendEach,everyMs: how commands are sent, sdk/src/gpu
    const [sendFirst, sendEach, everyMs] = pace.split(',').map(Number)
    Object.assign(gpu, { sendFirst, sendEach })
    Object.assign(gpu.nudge, { everyMs })
    const table = await sizes(s)
    for (const m of [1, 24]) table[`phases${m}`] = await phases(s, m)
    report.paces[pace] = table
    console.log(`pace ${pace}`, JSON.stringify(table))
  }
  for (const m of kernelRows) {
    report.kernels[m] = await kernels(s, m)
    console.log(`kernels, ${m} rows`, JSON.stringify(report.kernels[m]))
  }
  gpu.close()
  report.sweep = {}
  for (const shapes of list('sweep', '', ';').filter(Boolean)) {
    try {
      const other = await opened(module, file, shapes)
      report.sweep[shapes] = { load_ms: other.load_ms, ...(await sizes(other.s)) }
      if (adapter) report.sweep[shapes].adapter = await adapterSizes(other.s, adapter)
      other.gpu.close()
    } catch (error) {
      report.sweep[shapes] = String(error)
    }
    console.log(shapes, JSON.stringify(report.sweep[shapes]))
  }
  return report
}
