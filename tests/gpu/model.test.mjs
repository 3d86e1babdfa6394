// A model on the GPU through nf_load_* and model.h, on Dawn: tiny random models of every weight
// type against kernel_ref, bit equality however a pass is put together, caches, sampling, steps.
// The real model is model_real.test.mjs, failures are model_faults.test.mjs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CPU, GPU, openSides, ownGpu, S, tiny } from './sides.mjs'

const TYPES = [
  'f32',
  'f16',
  'bf16',
  'q4_0',
  'q4_1',
  'q5_0',
  'q5_1',
  'q8_0',
  'q4_k',
  'q5_k',
  'q6_k',
  'odd',
]
/** Ours are f32 sums in one order, kernel_ref's f64; logits of these models are some units large. */
const LOGITS_ERROR_MAX = 2e-4
const LOG_P_ERROR_MAX = 1e-3
const tokensOf = (n, seed = 1) =>
  Array.from({ length: n }, (_, i) => (seed * 7919 + i * 104729) % 272)

const bits = (floats) => new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
function assertSameBits(a, b, what) {
  const [x, y] = [bits(a), bits(b)]
  assert.equal(x.length, y.length, what)
  const at = x.findIndex((word, i) => word !== y[i])
  assert.equal(at, -1, `${what}: float ${at} is ${a[at]} and ${b[at]}`)
}
/** Largest difference, relative to the largest value. */
function errorOf(got, want) {
  let [most, error] = [0, 0]
  for (let i = 0; i < want.length; i++) {
    most = Math.max(most, Math.abs(want[i]))
    const difference = Math.abs(got[i] - want[i])
    error = Math.max(error, Number.isNaN(difference) ? Infinity : difference)
  }
  return error / most
}

/** thing, whose method `name` adds one to made[name] each time. */
function counted(thing, name, made) {
  const call = thing[name].bind(thing)
  thing[name] = (...args) => {
    made[name]++
    return call(...args)
  }
  return thing
}

/** The model on both sides, with caches of 96 slots. */
async function openBoth(name, { gpu, chunk } = {}) {
  const s = await openSides(gpu)
  const file = tiny(name)
  assert.equal(await s.load(GPU, file, { chunk, ctx: 96 }), S.ok, s.line)
  assert.equal(await s.load(CPU, file, { ctx: 96 }), S.ok, s.line)
  assert.equal(s.e.caches_open(GPU, 96), S.ok)
  assert.equal(s.e.caches_open(CPU, 96), S.ok)
  return s
}
function close(s) {
  s.e.side_close(GPU)
  s.e.side_close(CPU)
  s.gpu.close()
}

for (const type of TYPES) {
  test(`${type}: logits, choices and log p are kernel_ref's`, async (t) => {
    const s = await openBoth(type)
    assert.equal(s.text(s.e.kernels(GPU)), 'webgpu')
    let logitsError = 0
    let logPError = 0
    for (const [pos, m, out] of [
      [0, 1, 1],
      [1, 4, 2],
      [5, 40, 40],
      [45, 3, 0],
      [48, 9, 1],
    ]) {
      const spans = [{ tokens: tokensOf(m, pos + 1), pos, out }]
      const options = { logits: true, asked: tokensOf(out, 3) }
      const got = await s.pass(GPU, spans, options)
      const want = await s.pass(CPU, spans, options)
      assert.deepEqual([got.status, want.status], [S.ok, S.ok])
      if (out === 0) continue
      logitsError = Math.max(logitsError, errorOf(got.logits, want.logits))
      for (let i = 0; i < out; i++) {
        logPError = Math.max(logPError, Math.abs(got.logP[i] - want.logP[i]))
        logPError = Math.max(logPError, Math.abs(got.logPAsked[i] - want.logPAsked[i]))
        const row = got.logits.subarray(i * 272, (i + 1) * 272)
        assert.equal(got.best[i], row.indexOf(Math.max(...row))) // of its own logits exactly
      }
    }
    t.diagnostic(`logits ${logitsError.toExponential(1)}, log p ${logPError.toExponential(1)}`)
    assert.ok(logitsError < LOGITS_ERROR_MAX, `logits ${logitsError}`)
    assert.ok(logPError < LOG_P_ERROR_MAX, `log p ${logPError}`)
    close(s)
  })
}

test('a pass: a submit each so many dispatches, five a layer, nothing made, ids and log p come back', async () => {
  const made = { createBindGroup: 0, createBuffer: 0, beginComputePass: 0 }
  const { gpu } = await ownGpu({
    prepare: (device) => {
      counted(device, 'createBindGroup', made)
      counted(device, 'createBuffer', made)
      const make = device.createCommandEncoder.bind(device)
      device.createCommandEncoder = () => counted(make(), 'beginComputePass', made)
    },
  })
  const s = await openSides(gpu, { clock: () => 0 }) // in whole passes, however slow the device is
  assert.equal(await s.load(GPU, tiny('odd'), { ctx: 96 }), S.ok, s.line)
  assert.equal(s.e.caches_open(GPU, 96), S.ok)
  const layers = 3
  const whole = 5 * layers + 4 // the embedding, the head, the pick's two
  const passes = [
    { m: 1, out: 1, dispatches: whole }, // a token
    { m: 20, out: 7, dispatches: whole }, // a caption and its draft
    { m: 20, out: 0, dispatches: whole - 6 }, // a prefix: the last layer's keys are all it needs
    { m: 20, out: 2, more: 3, dispatches: 4 * whole }, // three tokens more in the same submit
  ]
  for (const warm of [false, true]) {
    // at first buffers are made for what comes back, and how quick the device is is not known
    for (const { m, out, more = 0, dispatches } of passes) {
      const before = { ...gpu.counts }
      for (const name of Object.keys(made)) made[name] = 0
      const got = await s.pass(GPU, [{ tokens: tokensOf(m), pos: 0, out }], { more })
      assert.equal(got.status, S.ok)
      if (!warm) continue
      const what = `${m} rows, ${out} asked for, ${more} more`
      const n = gpu.counts.dispatches - before.dispatches
      const { sendFirst, sendEach } = gpu // sent while the next is recorded
      const parts = 1 + (n < sendFirst ? 0 : 1 + Math.floor((n - sendFirst) / sendEach))
      assert.deepEqual(made, { createBindGroup: 0, createBuffer: 0, beginComputePass: parts }, what)
      assert.equal(gpu.counts.submits - before.submits, parts, what)
      assert.equal(gpu.counts.bytesRead - before.bytesRead, 16 * (out + more), what)
      assert.ok(n <= dispatches, `${what}: ${n} dispatches, not ${dispatches} at most`)
    }
  }
  s.e.side_close(GPU)
  s.gpu.close()
})

test('the same bits however the rows are split over passes', async () => {
  const s = await openBoth('q4_1')
  const tokens = tokensOf(64)
  const whole = await s.pass(GPU, [{ tokens, pos: 0, out: 64 }], { logits: true })
  for (const split of [
    [1, 63],
    [2, 3, 4, 5, 16, 17, 17],
    [33, 31],
    [60, 1, 1, 1, 1],
  ]) {
    let pos = 0
    for (const m of split) {
      const part = await s.pass(GPU, [{ tokens: tokens.slice(pos, pos + m), pos, out: m }], {
        logits: true,
      })
      assertSameBits(
        part.logits,
        whole.logits.subarray(pos * 272, (pos + m) * 272),
        `${split} at ${pos}`,
      )
      assertSameBits(part.logP, whole.logP.subarray(pos, pos + m), `log p of ${split}`)
      assert.deepEqual(part.best, whole.best.slice(pos, pos + m))
      pos += m
    }
  }
  // rows that were only filled in, and rows of the last layer that nobody asked for
  await s.pass(GPU, [{ tokens: tokens.slice(0, 50), pos: 0, out: 0 }])
  await s.pass(GPU, [{ tokens: tokens.slice(50, 60), pos: 50, out: 1 }])
  const end = await s.pass(GPU, [{ tokens: tokens.slice(60), pos: 60, out: 4 }], { logits: true })
  assertSameBits(end.logits, whole.logits.subarray(60 * 272), 'after passes without results')
  close(s)
})

test('branches: spans of one pass, kept elsewhere in the cache, moved when accepted', async () => {
  const s = await openBoth('q8_0')
  const trunk = tokensOf(20)
  const tails = [tokensOf(7, 5), tokensOf(3, 6), tokensOf(9, 7)]
  const next = tokensOf(4, 9)
  const want = []
  for (const tail of tails) {
    await s.pass(GPU, [{ tokens: trunk, pos: 0, out: 0 }])
    const got = await s.pass(GPU, [{ tokens: tail, pos: 20, out: tail.length }], { logits: true })
    const more = await s.pass(GPU, [{ tokens: next, pos: 20 + tail.length, out: 4 }], {
      logits: true,
    })
    want.push([got, more])
  }
  await s.pass(GPU, [{ tokens: trunk, pos: 0, out: 0 }])
  // the first one in the trunk's own slots, the others behind it
  const gaps = [0, 20, 40]
  const spans = tails.map((tokens, i) => ({
    tokens,
    pos: 20,
    out: tokens.length,
    shared: gaps[i] ? 20 : 0,
    gap: gaps[i],
  }))
  const all = await s.pass(GPU, spans, { logits: true })
  let row = 0
  for (const [i, tail] of tails.entries()) {
    assertSameBits(
      all.logits.subarray(row * 272, (row + tail.length) * 272),
      want[i][0].logits,
      `branch ${i}`,
    )
    row += tail.length
  }
  for (const i of [2, 1]) {
    // goes on in its branch, then in the trunk after the move
    const [pos, tokens] = [20 + tails[i].length, next]
    const there = await s.pass(GPU, [{ tokens, pos, out: 4, shared: 20, gap: gaps[i] }], {
      logits: true,
    })
    assertSameBits(there.logits, want[i][1].logits, `on branch ${i}`)
    s.e.cache_move(GPU, 20, gaps[i], 20, tails[i].length)
    const here = await s.pass(GPU, [{ tokens, pos, out: 4 }], { logits: true })
    assertSameBits(here.logits, want[i][1].logits, `branch ${i} moved`)
  }
  close(s)
})

test('a snapshot of the cache brings back what it held', async () => {
  const s = await openBoth('f16')
  const tokens = tokensOf(30)
  const end = [{ tokens: tokensOf(5, 2), pos: 30, out: 5 }]
  await s.pass(GPU, [{ tokens, pos: 0, out: 0 }])
  const want = await s.pass(GPU, end, { logits: true })
  s.e.cache_save(GPU, 30)
  await s.pass(GPU, [{ tokens: tokensOf(60, 8), pos: 0, out: 1 }])
  s.e.cache_restore(GPU, 30)
  const got = await s.pass(GPU, end, { logits: true })
  assertSameBits(got.logits, want.logits, 'restored')
  s.e.cache_save(GPU, 3) // recorded, and never sent: closing must not mind
  close(s)
})

test("rows behind kernel_ref's keys and values are those behind its own", async () => {
  const s = await openBoth('q4_1')
  const tokens = tokensOf(40)
  const end = [{ tokens: tokens.slice(33), pos: 33, out: 7 }]
  await s.pass(CPU, [{ tokens: tokens.slice(0, 33), pos: 0, out: 0 }])
  const want = await s.pass(CPU, end, { logits: true })
  await s.pass(GPU, [{ tokens: tokensOf(40, 5), pos: 0, out: 1 }]) // others, to be replaced
  s.e.cache_upload(GPU, CPU, 33)
  const got = await s.pass(GPU, end, { logits: true })
  assert.ok(errorOf(got.logits, want.logits) < LOGITS_ERROR_MAX)
  assert.deepEqual(got.best, want.best)
  close(s)
})

test('further steps of one submit are the steps one by one', async () => {
  const s = await openBoth('q4_k')
  const tokens = tokensOf(12)
  const more = s.e.more_max(GPU)
  assert.ok(more > 0)
  assert.equal(s.e.more_max(CPU), 0)
  for (const choice of [{}, { temperature: 0.9, minP: 0.02 }]) {
    const spans = [
      { tokens: tokensOf(3, 4), pos: 0, out: 2, shared: 0, gap: 64 },
      { tokens, pos: 0, out: 1 },
    ]
    const chain = await s.pass(GPU, spans, { more, ...choice })
    const one = await s.pass(GPU, spans, choice)
    assert.deepEqual(chain.best.slice(0, 3), one.best)
    let token = one.best[2]
    for (let i = 0; i < more; i++) {
      // the seed of a span is that of its place: the first one fills it
      const step = [
        { tokens: [5], pos: 0, out: 0, gap: 64 },
        { tokens: [token], pos: 12 + i, out: 1 },
      ]
      const got = await s.pass(GPU, step, choice)
      assert.equal(chain.best[3 + i], got.best[0], `step ${i}`)
      assertSameBits(chain.logP.subarray(3 + i, 4 + i), got.logP, `log p of step ${i}`)
      token = got.best[0]
    }
  }
  close(s)
})

test('sampling draws what the CPU draws', async (t) => {
  const s = await openBoth('f32')
  let [same, all] = [0, 0]
  for (let round = 0; round < 6; round++) {
    const spans = [0, 1, 2].map((i) => ({
      tokens: tokensOf(10, 3 * round + i),
      pos: 0,
      out: 10,
      gap: 32 * i,
    }))
    const choice = { temperature: 0.5 + 0.5 * round, minP: 0.01 }
    const got = await s.pass(GPU, spans, choice)
    const want = await s.pass(CPU, spans, choice)
    all += got.best.length
    same += got.best.filter((token, i) => token === want.best[i]).length
  }
  t.diagnostic(`${same} of ${all} draws the same`)
  assert.ok(all - same <= 1) // a draw may turn on the last bits of a logarithm
  close(s)
})

test('adapters: the logits are those of kernel_ref, beside passes without one', async (t) => {
  const s = await openBoth('q4_1')
  const spans = [{ tokens: tokensOf(30), pos: 0, out: 9 }]
  const plain = await s.pass(GPU, spans, { logits: true })
  for (const name of ['adapter_all', 'adapter_some']) {
    const file = tiny(name)
    assert.equal(s.adapter(GPU, file), S.ok, s.line)
    assert.equal(s.adapter(CPU, file), S.ok, s.line)
    const options = { logits: true, adapter: true }
    const got = await s.pass(GPU, spans, options)
    assert.equal(got.status, S.ok)
    const want = await s.pass(CPU, spans, options)
    const error = errorOf(got.logits, want.logits)
    t.diagnostic(
      `${name}: logits ${error.toExponential(1)}, effect ${errorOf(want.logits, plain.logits).toFixed(3)}`,
    )
    assert.ok(error < LOGITS_ERROR_MAX, `${name}: ${error}`)
    assert.ok(
      errorOf(want.logits, plain.logits) > 100 * LOGITS_ERROR_MAX,
      'the adapter does nothing',
    )
    // row by row, and a chain of steps
    await s.pass(GPU, [{ tokens: tokensOf(30).slice(0, 21), pos: 0, out: 0 }], { adapter: true })
    const end = await s.pass(GPU, [{ tokens: tokensOf(30).slice(21), pos: 21, out: 9 }], options)
    assertSameBits(end.logits, got.logits, 'in two passes')
    const chain = await s.pass(GPU, spans, { more: 3, adapter: true })
    const step = await s.pass(GPU, [{ tokens: [chain.best[8]], pos: 30, out: 1 }], {
      adapter: true,
    })
    assert.equal(step.best[0], chain.best[9])
    const again = await s.pass(GPU, spans, { logits: true })
    assertSameBits(again.logits, plain.logits, 'without it')
    s.e.adapter_close(GPU)
    s.e.adapter_close(CPU)
  }
  close(s)
})

test('a device without features, taken for hardware: the fast kernels run, and are right', async () => {
  const { device, gpu } = await ownGpu({
    features: new Set(),
    facts: { int8Dot: false, architecture: 'none' },
  })
  for (const feature of ['shader-f16', 'subgroups']) assert.ok(!device.features.has(feature))
  const s = await openBoth('q4_1', { gpu })
  assert.equal(s.text(s.e.replaced(GPU)), '')
  for (const [pos, m] of [
    [0, 40],
    [40, 3],
    [43, 1],
  ]) {
    const spans = [{ tokens: tokensOf(m, pos + 1), pos, out: m }]
    const got = await s.pass(GPU, spans, { logits: true })
    const want = await s.pass(CPU, spans, { logits: true })
    assert.ok(errorOf(got.logits, want.logits) < LOGITS_ERROR_MAX, `${m} rows`)
  }
  close(s)
})

test("a greedy generation is the CPU's, and no row of logits comes back", async () => {
  const s = await openSides()
  for (const side of [GPU, CPU]) {
    assert.equal(await s.load(side, tiny('f32'), { ctx: 96 }), S.ok, s.line)
    assert.equal(s.e.session_open(side), S.ok)
  }
  const { bytesRead, submits } = s.gpu.counts
  const got = await s.generate(GPU, 'the end', 20)
  const read = s.gpu.counts.bytesRead - bytesRead
  assert.equal(got.status, S.ok)
  assert.deepEqual(got, await s.generate(CPU, 'the end', 20))
  assert.ok(got.text.length > 0)
  // 16 bytes a step, of which the last submit may hold some too many; a row has 1088
  assert.ok(read <= 16 * 30, `${read} bytes in ${s.gpu.counts.submits - submits} submits`)
  s.e.side_close(GPU)
  s.e.side_close(CPU)
  s.gpu.close()
})

test('a pass left lying between its pieces makes room, and begins anew when it is taken up', async () => {
  const s = await openSides()
  assert.equal(await s.load(GPU, tiny('q4_1'), { ctx: 96 }), S.ok, s.line)
  assert.equal(s.e.caches_open(GPU, 96), S.ok)
  assert.equal(s.e.session_open(GPU), S.ok)
  const spans = [{ tokens: tokensOf(60), pos: 0, out: 5 }]
  const n = s.passBegin(GPU, spans, { logits: true })
  assert.equal(s.e.pass_step(GPU), S.pending) // 60 rows of one layer are on their way
  const other = await s.generate(GPU, 'the end', 3)
  assert.equal(other.status, S.ok)
  const status = await s.until(() => s.e.pass_step(GPU))
  const got = s.results(GPU, n, status, { logits: true })
  const want = await s.pass(GPU, spans, { logits: true })
  assertSameBits(got.logits, want.logits, 'taken up')
  close(s)
})

test('chunks of any size make the same model', async () => {
  const file = tiny('q4_1')
  let want = null
  for (const chunk of [1 << 20, 1000, 4099]) {
    const s = await openSides()
    assert.equal(await s.load(GPU, file, { ctx: 64, chunk }), S.ok, s.line)
    assert.equal(s.e.caches_open(GPU, 64), S.ok)
    const got = await s.pass(GPU, [{ tokens: tokensOf(30), pos: 0, out: 30 }], { logits: true })
    want ??= got
    assertSameBits(got.logits, want.logits, `chunks of ${chunk}`)
    close(s)
  }
})

test('matrices cut into slices, and refused where not even the rows of a pass fit', async () => {
  const file = tiny('wide') // embedding 278,528 bytes, gate and up 393,216
  let want = null
  for (const bindingBytesMax of [2 ** 27, 2 ** 17]) {
    const { gpu } = await ownGpu({ facts: { bindingBytesMax } })
    const s = await openSides(gpu)
    assert.equal(await s.load(GPU, file, { ctx: 64 }), S.ok, s.line)
    assert.equal(s.e.caches_open(GPU, 64), S.ok)
    const before = gpu.counts.dispatches
    const got = await s.pass(GPU, [{ tokens: tokensOf(30), pos: 0, out: 30 }], { logits: true })
    got.dispatches = gpu.counts.dispatches - before
    want ??= got
    // one more for qkv, o or down each, two or more for the embedding, the head, gate and up
    if (got !== want) assert.ok(got.dispatches > want.dispatches + 4, 'nothing was cut')
    assertSameBits(got.logits, want.logits, `bindings of ${bindingBytesMax} bytes`)
    close(s)
  }
  const { gpu } = await ownGpu({ facts: { bindingBytesMax: 2 ** 16 } })
  const s = await openSides(gpu)
  assert.equal(await s.load(GPU, file, { ctx: 64 }), S.unsupported)
  assert.match(s.line, /^the GPU binds 65536 bytes at once; .* has \d+$/)
  close(s)
})
