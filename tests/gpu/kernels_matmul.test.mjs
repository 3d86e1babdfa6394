// Products: every weight type and variant against kernel_ref.c within a bound, and the same bits for
// every number of rows, by every variant of one way (f32, 8-bit dots), in one slice or several.
// The bound, from f32 rounding alone: 2^-20 of the largest weight of the row times the sum of |x|;
// by 8-bit dots x is rounded to 2^-16 of its block's largest, which is 2^-15 of four times its mean.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bits, FORMAT, floats, GOES_TO, OP, openKernels, some, TYPE } from './kernels.mjs'
import { S } from './module.mjs'

const M_MAX = 64
const MS = [1, 2, 3, 4, 5, 16, 17, 33, 64]
const BOUND = 2 ** -20
const INT = { tune: 'products=2', factor: 32 }
const F32 = { tune: 'products=1', factor: 1 }

/**
 * y of `ms` rows each, by kernels 0 (fast) and 1 (plain): {m: [fast, plain]}. w: a weight's place;
 * x: [rows][cols]; norm, add: arrays or null.
 */
async function products(
  m,
  { op, w, x, rows, norm = null, add = null, lora = -1, order = null, ms = MS, kernels = [0, 1] },
) {
  const none = [0, 0, 0]
  const pass = m.passes(ms.map((n) => ({ m: n, rows: order })))
  const [xAt, normAt, addAt] = [m.up(x), norm ? m.up(norm) : none, add ? m.up(add) : none]
  const width = op === 'norm_swiglu' ? rows / 2 : rows
  const got = {}
  for (const k of kernels) {
    const y = m.empty(4 * width * M_MAX)
    m.e.matmul_bind(k, k, OP[op], w, pass, m.numbers([...xAt, ...normAt, ...addAt, ...y]), lora)
    for (const [i, n] of ms.entries()) {
      m.e.matmul_run(k, k, 512 * i, n)
      got[n] = [...(got[n] ?? []), await m.down([y[0], 0, 4 * width * n])]
    }
    m.e.matmul_free(k)
  }
  return got
}
/** All of them agree bit for bit; returns the one with most rows. */
function sameBits(got, what) {
  const all = got[Math.max(...Object.keys(got).map(Number))]
  for (const [n, kernels] of Object.entries(got)) {
    for (const [k, y] of kernels.entries()) {
      for (let j = 0; j < y.length; j++) {
        if (!Object.is(y[j], all.at(-1)[j]))
          assert.fail(
            `${what}: ${k ? 'plain' : 'first'}, ${n} rows: ${j} is ${y[j]}, not ${all.at(-1)[j]}`,
          )
      }
    }
  }
  return all[0]
}
/** y within the bound of want; values: the decoded weights [rows][cols]. */
function close(y, want, { values, x, rows, cols, what, factor = 1 }) {
  const n = y.length / rows
  let worst = 0
  for (let i = 0; i < n; i++) {
    let sum = 0
    for (let j = 0; j < cols; j++) sum += Math.abs(x[i * cols + j])
    for (let r = 0; r < rows; r++) {
      let largest = 1e-30
      for (let j = 0; j < cols; j++) largest = Math.max(largest, Math.abs(values[r * cols + j]))
      const off = Math.abs(y[i * rows + r] - want[i * rows + r]) / (BOUND * largest * sum * factor)
      worst = Math.max(worst, off)
      if (!(off <= 1))
        assert.fail(
          `${what} row ${i}, output ${r}: ${y[i * rows + r]}, not ${want[i * rows + r]} (${off} of the bound)`,
        )
    }
  }
  return worst
}
function reference(m, type, raw, rows, cols, x) {
  const y = m.alloc(4 * rows * (x.length / cols))
  m.e.ref_matmul(y, TYPE[type], m.put(raw), rows, cols, m.put(x), x.length / cols)
  return m.f32At(y, rows * (x.length / cols))
}
function normed(m, x, w, cols, eps) {
  const [from, to, weight] = [m.put(x), m.alloc(x.byteLength), m.put(w)]
  for (let at = 0; at < x.byteLength; at += 4 * cols)
    m.e.ref_norm(to + at, from + at, weight, cols, eps)
  return m.f32At(to, x.length)
}
/** Kernels 0 and 1, fast in f32 and plain, of one shape. */
async function both(shape) {
  const m = await openKernels()
  assert.ok(m.tune(F32.tune))
  assert.equal(await m.open(0, shape), S.ok, m.kernelsLine)
  assert.equal(await m.open(1, { ...shape, variants: 'plain' }), S.ok, m.kernelsLine)
  return m
}

for (const [type, formats] of Object.entries(GOES_TO)) {
  test(`${type}: y = W x`, async () => {
    const [rows, cols] = [19, type.endsWith('K') ? 768 : 576]
    const mask = bits(...formats)
    const m = await openKernels()
    assert.equal(
      await m.open(0, {
        n_heads: cols / 32,
        n_kv: cols / 32,
        variants: 'plain',
        matmul: { add_attn: mask },
        repack: { [type]: mask },
      }),
      S.ok,
      m.kernelsLine,
    )
    const raw = m.raw(type, rows, cols, TYPE[type] + 7)
    const values = m.decode(type, raw, rows, cols)
    const x = floats(5 * cols, 5, 3)
    const add = new Float32Array(M_MAX * rows)
    const want = reference(m, type, raw, rows, cols, x)
    for (const format of formats) {
      m.free()
      m.e.weight_make(0, FORMAT[format], rows, cols)
      m.repack(0, 0, type, raw, cols)
      const y = sameBits(
        await products(m, { op: 'add_attn', w: 0, x, add, rows, ms: [1, 5], kernels: [0] }),
        format,
      )
      close(y, want, { values, x, rows, cols, what: format })
    }
    m.gpu.close()
  })
}

for (const [format, type] of Object.entries({
  N4H: 'Q4_1',
  N4F: 'Q4_0',
  B8: 'Q8_0',
  B8F: 'Q5_1',
  F16: 'F16',
  F32: 'BF16',
})) {
  test(`${format}: y = W norm(x), every variant`, async () => {
    const [rows, cols] = [43, 160]
    const mask = bits(format)
    const m = await both({
      d_model: cols,
      matmul: { norm_store: mask },
      repack: { [type]: mask },
    })
    const raw = m.raw(type, rows, cols, TYPE[type] + 7)
    const values = m.decode(type, raw, rows, cols)
    const [x, norm] = [floats(M_MAX * cols, 5, 3), floats(cols, 6, 2)]
    m.e.weight_make(0, FORMAT[format], rows, cols)
    m.repack(0, 0, type, raw, cols)
    const y = sameBits(await products(m, { op: 'norm_store', w: 0, x, norm, rows }), format)
    const xNormed = normed(m, x, norm, cols, 1e-5)
    const want = reference(m, type, raw, rows, cols, xNormed)
    close(y, want, { values, x: xNormed, rows, cols, what: format })
    m.gpu.close()
  })
}

for (const [format, type, op, rows, cols] of some(
  [
    ['N4H', 'Q4_1', 'norm_store', 43, 768],
    ['N4F', 'Q4_K', 'norm_store', 43, 768],
    ['B8', 'Q8_0', 'norm_store', 43, 768],
    ['B8F', 'Q6_K', 'norm_store', 43, 768],
    // what is done with x and y is no matter of the format
    ['N4H', 'Q4_1', 'add_attn', 18, 1536],
  ],
  0,
  2,
)) {
  test(`${format}: ${op} of ${cols} columns by 8-bit dots`, async () => {
    const mask = bits(format)
    const m = await openKernels()
    assert.ok(m.tune(INT.tune))
    const heads = cols / 32
    const shape = { d_model: cols, n_heads: heads, n_kv: heads, matmul: { [op]: mask } }
    assert.equal(await m.open(0, { ...shape, repack: { [type]: mask } }), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 0, m.text(m.e.kernels_replaced()))
    assert.equal(m.e.kernels_products_int(), 1)
    const raw = m.raw(type, rows, cols, TYPE[type] + 7)
    const values = m.decode(type, raw, rows, cols)
    m.e.weight_make(0, FORMAT[format], rows, cols)
    m.repack(0, 0, type, raw, cols)
    const x = floats(M_MAX * cols, 5, 3)
    const norm = op === 'norm_store' ? floats(cols, 6, 2) : null
    const add = norm ? null : floats(M_MAX * rows, 7)
    x.fill(0, 32, 64) // a block of zeros
    const y = sameBits(await products(m, { op, w: 0, x, norm, add, rows, kernels: [0] }), op)
    const read = norm ? normed(m, x, norm, cols, 1e-5) : x
    const want = reference(m, type, raw, rows, cols, read)
    if (add) for (let i = 0; i < want.length; i++) want[i] += add[i]
    close(y, want, { values, x: read, rows, cols, what: format, factor: INT.factor })
    m.gpu.close()
  })
}

// [cols, rows, heads]: one block; fewer than a chunk; a model's own; several rounds of x
for (const [cols, rows, heads] of some(
  [
    [32, 5, 1],
    [96, 1, 3],
    [576, 66, 18],
    [1536, 18, 48],
  ],
  0,
  1,
  2,
)) {
  test(`${rows} rows of ${cols}: the residual and its rows, swiglu`, async () => {
    const mask = bits('N4H')
    const swiglu = rows === 66 ? { norm_swiglu: mask } : {}
    const m = await both({
      d_model: cols,
      n_heads: heads,
      n_kv: heads,
      matmul: { add_attn: mask, ...swiglu },
      repack: { Q4_1: mask },
    })
    const raw = m.raw('Q4_1', rows, cols, rows)
    const values = m.decode('Q4_1', raw, rows, cols)
    const [x, norm, add] = [
      floats(M_MAX * cols, 15, 3),
      floats(cols, 16, 2),
      floats(M_MAX * rows, 17, 5),
    ]
    m.e.weight_make(0, FORMAT.N4H, rows, cols)
    m.repack(0, 0, 'Q4_1', raw, cols)
    const order = Array.from({ length: 64 }, (_, i) => (i * 5 + 3) % 64)
    const want = reference(m, 'Q4_1', raw, rows, cols, x)
    for (let i = 0; i < M_MAX; i++)
      for (let r = 0; r < rows; r++) want[i * rows + r] += add[order[i] * rows + r]
    close(sameBits(await products(m, { op: 'add_attn', w: 0, x, add, rows, order }), 'add'), want, {
      values,
      x,
      rows,
      cols,
      what: 'add',
      factor: 2,
    })
    if (swiglu.norm_swiglu) {
      m.free()
      const xNormed = normed(m, x, norm, cols, 1e-5)
      const both = reference(m, 'Q4_1', raw, rows, cols, xNormed)
      const y = sameBits(await products(m, { op: 'norm_swiglu', w: 0, x, norm, rows }), 'swiglu')
      for (let i = 0; i < M_MAX; i++) {
        let sum = 0
        for (let j = 0; j < cols; j++) sum += Math.abs(xNormed[i * cols + j])
        for (let r = 0; r < rows / 2; r++) {
          const [gate, up] = [both[i * rows + 2 * r], both[i * rows + 2 * r + 1]]
          const largest = values
            .slice(2 * r * cols, (2 * r + 2) * cols)
            .reduce((a, b) => Math.max(a, Math.abs(b)), 1e-30)
          const off = BOUND * largest * sum
          const silu = gate / (1 + Math.exp(-gate))
          const bound =
            off * (1.1 * Math.abs(up) + Math.abs(silu) + off) + 1e-6 * Math.abs(silu * up)
          const got = y[i * (rows / 2) + r]
          if (!(Math.abs(got - silu * up) <= bound))
            assert.fail(`swiglu row ${i}, output ${r}: ${got}, not ${silu * up}`)
        }
      }
    }
    m.gpu.close()
  })
}

// Every shape a sweep may ask for (gpu_tune_set): the bits stay those of matmul_plain, or the same.
for (const [op, tune, way] of some(
  [
    ['norm_head', '*.vec_each=2,*.vec4_each=2,*.chunk_rows=16,*.chunk_tiles=3', F32],
    ['norm_head', '*.vec_each=2,*.vec4_each=2,*.chunk_rows=16,*.chunk_tiles=3', INT],
    ['norm_swiglu', '*.vec_rows=16,*.vec_each=4,*.chunk_rows=8,*.chunk_each=4,*.chunk_m=8', F32],
    ['norm_swiglu', '*.vec_rows=16,*.vec_each=4,*.chunk_rows=8,*.chunk_each=4,*.chunk_m=4', INT],
    [
      'add_attn',
      '*.vec4_rows=16,*.vec4_each=8,*.chunk_rows=12,*.chunk_each=2,*.chunk_tiles=2',
      F32,
    ],
  ],
  0,
  3,
  4,
)) {
  test(`${op} shaped by ${tune},${way.tune}`, async () => {
    const [rows, cols, mask] = [44, 160, bits('N4H')]
    const m = await openKernels()
    const shape = {
      d_model: cols,
      n_heads: 5,
      n_kv: 5,
      matmul: { [op]: mask },
      repack: { Q4_1: mask },
    }
    assert.ok(m.tune(`${tune},${way.tune}`))
    assert.equal(await m.open(0, shape), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 0, m.text(m.e.kernels_replaced()))
    assert.equal(m.e.kernels_products_int(), way === INT ? 1 : 0)
    assert.equal(await m.open(1, { ...shape, variants: 'plain' }), S.ok, m.kernelsLine)
    const raw = m.raw('Q4_1', rows, cols, 3)
    m.e.weight_make(0, FORMAT.N4H, rows, cols)
    m.repack(0, 0, 'Q4_1', raw, cols)
    const [x, norm] = [floats(M_MAX * cols, 5, 3), floats(cols, 6, 2)]
    const add = op === 'add_attn' ? floats(M_MAX * rows, 7) : null
    const ms = [1, 3, 4, 5, 17, 64]
    const kernels = way === INT ? [0] : [0, 1]
    sameBits(
      await products(m, { op, w: 0, x, norm: add ? null : norm, add, rows, ms, kernels }),
      op,
    )
    m.gpu.close()
  })
}

test('a shape that no kernel has is refused', async () => {
  const m = await openKernels()
  for (const wrong of ['vec_rows=8', 'head.vec_rows=8', '*.vec_rows', '*.vec_rows=x'])
    assert.equal(m.tune(wrong), false, wrong)
  for (const wrong of ['*.vec_each=3', '*.chunk_each=8', '*.chunk_m=5', 'attention_threads=20'])
    assert.equal(m.tune(wrong), false, wrong)
  assert.ok(m.tune('attention_threads=64,pick_threads=128,attention=2,add_ff.chunk_m=8'))
  m.gpu.close()
})

/** Rows of an A: as Q8_0, and their values [rows][cols]. */
function lowRank(m, rows, cols, seed) {
  const bytes = new Uint8Array((34 * rows * cols) / 32)
  const values = new Float32Array(rows * cols)
  const [q, scales] = [
    floats(rows * cols, seed, 127),
    floats((rows * cols) / 32, seed + 1, 1 / 256),
  ]
  for (let i = 0; i < scales.length; i++) {
    const half = m.e.half_of(scales[i])
    new DataView(bytes.buffer).setUint16(34 * i, half, true)
    for (let c = 0; c < 32; c++) {
      const n = Math.round(q[32 * i + c])
      new DataView(bytes.buffer).setInt8(34 * i + 2 + c, n)
      values[32 * i + c] = n * halfOf(half)
    }
  }
  return { bytes, values }
}
/** [m][rows of w] in f64: x times the transposed matrix. */
function product(w, x, rows, cols) {
  return Float64Array.from({ length: (x.length / cols) * rows }, (_, i) => {
    let sum = 0
    const [m, n] = [Math.floor(i / rows), i % rows]
    for (let c = 0; c < cols; c++) sum += w[n * cols + c] * x[m * cols + c]
    return sum
  })
}
function halfOf(f) {
  const e = (f >> 10) & 31
  const v = e ? 2 ** (e - 15) * (1 + (f & 1023) / 1024) : 2 ** -24 * (f & 1023)
  return f >> 15 ? -v : v
}

// pairs that begin within a workgroup's rows; one rank step and several; several rounds of x
for (const [op, format, type, rows, cols, rank, way] of some(
  [
    ['norm_store', 'N4H', 'Q4_0', 48, 96, 5, INT],
    ['norm_store', 'N4H', 'Q4_0', 48, 96, 5, F32],
    ['norm_store', 'B8F', 'Q5_1', 70, 576, 6, INT],
    ['norm_store', 'B8F', 'Q5_1', 70, 576, 6, F32],
    ['norm_swiglu', 'N4H', 'Q4_1', 130, 576, 6, INT],
    ['norm_swiglu', 'N4H', 'Q4_1', 130, 576, 6, F32],
    ['norm_swiglu', 'B8', 'Q8_0', 34, 96, 20, INT],
    ['add_attn', 'N4H', 'Q4_1', 18, 1536, 6, INT],
    ['add_attn', 'N4H', 'Q4_1', 18, 1536, 6, F32],
    ['add_attn', 'F16', 'F16', 18, 576, 64, F32],
    ['norm_swiglu', 'N4H', 'Q4_0', 34, 96, 64, INT],
  ],
  0,
  3,
  5,
  7,
  9,
)) {
  test(`a low-rank addition of rank ${rank} to ${op}, ${format} ${way.tune}`, async () => {
    const [mask, heads] = [bits(format), cols / 32]
    const m = await openKernels()
    assert.ok(m.tune(way.tune))
    const shape = { d_model: cols, n_heads: heads, n_kv: heads, repack: { [type]: mask } }
    const kernels = way === F32 ? [0, 1] : [0] // the plain ones are f32
    for (const k of kernels) {
      const variants = k ? 'plain' : 'fast'
      assert.equal(await m.open(k, { ...shape, variants }), S.ok, m.kernelsLine)
      m.e.kernels_more(k, OP[op], FORMAT[format], rank)
      assert.equal(await m.until(() => m.e.kernels_poll(k)), S.ok, m.kernelsLine)
      assert.equal(m.e.kernels_facts(k), 0, m.text(m.e.kernels_replaced()))
    }
    const raw = m.raw(type, rows, cols, 77)
    m.e.weight_make(0, FORMAT[format], rows, cols)
    m.repack(0, 0, type, raw, cols)
    const [swiglu, adds] = [op === 'norm_swiglu', op === 'add_attn']
    const pairs = adds ? 1 : swiglu ? 2 : 3
    const ms = [1, 3, 5, 17]
    const x = floats(17 * cols, 1)
    const norm = adds ? null : floats(cols, 2)
    const add = adds ? floats(M_MAX * rows, 7) : null
    const from = op === 'norm_store' ? [20, 30] : [0, 0]
    const a = lowRank(m, pairs * rank, cols, 3)
    m.e.lora_make(1, FORMAT[format], pairs * rank, cols)
    const rowBytes = (34 * cols) / 32
    for (let i = 0; i < pairs * rank; i++)
      m.e.lora_write(1, i, m.put(a.bytes.subarray(i * rowBytes, (i + 1) * rowBytes)))
    const step = 8 * Math.ceil(rank / 8)
    const b = Uint16Array.from(floats(rows * step, 4), (v, i) =>
      i % step < rank ? m.e.half_of(v) : 0,
    )
    const scale = [0.5, 2, -1]
    m.e.lora_set(0, m.numbers([rank, ...scale, ...from, 1, ...m.up(b)]))
    const read = norm ? normed(m, x, norm, cols, 1e-5) : x
    const want = reference(m, type, raw, rows, cols, read)
    const h = product(a.values, read, pairs * rank, cols)
    for (let i = 0; i < want.length; i++) {
      const [row, n] = [Math.floor(i / rows), i % rows]
      const pair = swiglu ? n % 2 : adds ? 0 : (n >= from[0] ? 1 : 0) + (n >= from[1] ? 1 : 0)
      if (add) want[i] += add[i]
      for (let j = 0; j < rank; j++)
        want[i] += scale[pair] * h[(row * pairs + pair) * rank + j] * halfOf(b[n * step + j])
    }
    const y = sameBits(
      await products(m, { op, w: 0, x, norm, add, rows, lora: 0, ms, kernels }),
      op,
    )
    y.forEach((v, i) => {
      const [gate, up] = [want[2 * i], want[2 * i + 1]]
      const expected = swiglu ? (gate / (1 + Math.exp(-gate))) * up : want[i]
      const size = swiglu ? (1 + Math.abs(gate)) * (1 + Math.abs(up)) : 1 + Math.abs(expected)
      const bound = (way === F32 ? 1e-4 : 1e-3) * size
      assert.ok(Math.abs(v - expected) < bound, `${i}: ${v}, not ${expected}`)
    })
    m.gpu.close()
  })
}
