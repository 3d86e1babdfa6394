// Attention with rope and the cache: against kernel_ref.c, and the same bits for every way a timeline
// is cut into passes, wherever in the cache its positions lie, and whatever rows stand beside it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { floats, openKernels } from './kernels.mjs'
import { S } from './module.mjs'

const QUAD = 'attention=2,attention_threads=32'
const ALL = Array.from({ length: 64 }, (_, i) => i)

class Timeline {
  constructor(m, shape, n, ctx, seed) {
    Object.assign(this, { m, shape, n, ctx })
    const { n_heads, n_kv, d_head } = shape
    this.width = (n_heads + 2 * n_kv) * d_head
    this.qkv = floats(n * this.width, seed, 2)
  }
  rowOf(pos) {
    return this.qkv.slice(pos * this.width, (pos + 1) * this.width)
  }
}
function cache(m, { n_kv, d_head }, ctx) {
  return { range: m.empty(4 * 2 * n_kv * ctx * d_head), ctx }
}

/** spans: [{ line, pos, n, n_shared, gap }]: rows of all in one dispatch into `kv`; picks: rows, or all. */
async function attend(m, shape, rope, kv, spans, { picks = null, row0 = 0 } = {}) {
  const [records, rows] = [[], []]
  for (const { line, pos, n, n_shared = 0, gap = 0 } of spans) {
    const span_row = records.length
    for (let i = 0; i < n; i++) {
      records.push({ pos: pos + i, n_shared, gap, span_row, span_pos: pos })
      rows.push(line.rowOf(pos + i))
    }
  }
  const qkv = new Float32Array(rows.length * rows[0].length)
  rows.forEach((row, i) => {
    qkv.set(row, i * row.length)
  })
  const count = picks?.length ?? rows.length
  const pass = m.passes([
    {
      m: count,
      row0,
      record0: 2,
      kv_ctx: kv.ctx,
      rows: picks ? [...picks, ...ALL].slice(0, 64) : null,
    },
  ])
  const at = m.records([{}, {}, ...records])
  const width = shape.n_heads * shape.d_head
  const out = m.empty(4 * width * (row0 + count))
  const bind = m.e.attention_bind(
    0,
    pass,
    at[0],
    at[2],
    m.numbers([...m.up(qkv), ...rope, ...kv.range, ...out]),
  )
  m.e.attention_run(0, bind, 0, count)
  const got = await m.down(out)
  m.free()
  return Array.from({ length: count }, (_, i) =>
    got.slice((row0 + i) * width, (row0 + i + 1) * width),
  )
}
/** The whole line in passes of the given sizes, then the last size again and again. */
async function whole(m, shape, rope, kv, line, sizes, place = {}) {
  const out = []
  for (let pos = 0, i = 0; pos < line.n; i++) {
    const n = Math.min(sizes[Math.min(i, sizes.length - 1)], line.n - pos)
    out.push(...(await attend(m, shape, rope, kv, [{ line, pos, n, ...place }])))
    pos += n
  }
  return out
}
function same(got, want, what) {
  for (const [i, row] of got.entries()) {
    for (const [j, v] of row.entries()) {
      if (!Object.is(v, want[i][j])) assert.fail(`${what}: row ${i}, ${j}: ${v}, not ${want[i][j]}`)
    }
  }
}
/** Every row against kernel_ref: 1e-5 of values up to 2. */
function near(m, shape, table, line, rows) {
  const { n_heads, n_kv, d_head, d_rope } = shape
  const roped = (row, from, pos) => {
    const at = m.put(row.slice(from, from + d_head))
    m.e.ref_rope(at, m.put(table.slice(pos * d_rope, (pos + 1) * d_rope)), d_rope)
    return m.f32At(at, d_head)
  }
  for (const pos of [0, 1, 63, 64, 255, 256, line.n - 1].filter((p) => p < line.n)) {
    for (let head = 0; head < n_heads; head++) {
      m.free()
      const kvHead = Math.floor(head / (n_heads / n_kv))
      const [k, v] = [new Float32Array((pos + 1) * d_head), new Float32Array((pos + 1) * d_head)]
      for (let j = 0; j <= pos; j++) {
        const row = line.rowOf(j)
        k.set(roped(row, (n_heads + kvHead) * d_head, j), j * d_head)
        v.set(
          row.slice((n_heads + n_kv + kvHead) * d_head, (n_heads + n_kv + kvHead + 1) * d_head),
          j * d_head,
        )
      }
      const out = m.alloc(4 * d_head)
      m.e.ref_attention(
        out,
        m.put(roped(line.rowOf(pos), head * d_head, pos)),
        m.put(k),
        m.put(v),
        d_head,
        pos + 1,
        m.alloc(4 * (pos + 1)),
      )
      m.f32At(out, d_head).forEach((want, i) => {
        const got = rows[pos][head * d_head + i]
        assert.ok(
          Math.abs(got - want) < 1e-5,
          `position ${pos}, head ${head}, ${i}: ${got}, not ${want}`,
        )
      })
    }
  }
  m.free()
}

for (const shape of [
  { n_heads: 9, n_kv: 3, d_head: 64, d_rope: 64, n: 130, variants: 'plain' },
  { n_heads: 2, n_kv: 1, d_head: 96, d_rope: 42, n: 40, variants: 'plain' },
  { n_heads: 4, n_kv: 4, d_head: 8, d_rope: 8, n: 70, variants: 'plain' },
  { n_heads: 1, n_kv: 1, d_head: 256, d_rope: 256, n: 20, variants: 'fast' },
  { n_heads: 2, n_kv: 1, d_head: 32, d_rope: 32, n: 261, variants: 'fast' }, // more than one round of 256
  // attention_quad: several rounds of 32; d_head / 4 a multiple of four, and not
  { n_heads: 6, n_kv: 2, d_head: 64, d_rope: 48, n: 40, variants: 'fast', tune: QUAD },
  { n_heads: 4, n_kv: 2, d_head: 40, d_rope: 40, n: 70, variants: 'fast', tune: QUAD },
]) {
  const { tune = 'attention=1', ...what } = shape
  test(`${shape.n_heads} heads of ${shape.d_head}, ${shape.n_kv} for keys, ${shape.variants}, ${tune}`, async () => {
    const m = await openKernels()
    assert.ok(m.tune(tune))
    assert.equal(await m.open(0, { ...what, d_model: 32 }), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 0, m.text(m.e.kernels_replaced()))
    assert.equal(m.e.kernels_attention_quad(), tune.startsWith('attention=2') ? 1 : 0)
    const ctx = shape.n + 64
    const at = m.alloc(4 * ctx * shape.d_rope)
    m.e.rope_table(at, ctx, shape.d_rope)
    const table = m.f32At(at, ctx * shape.d_rope)
    m.free()
    const rope = m.up(table)
    const line = new Timeline(m, shape, shape.n, ctx, 3)
    const rows = await whole(m, shape, rope, cache(m, shape, ctx), line, [64])
    near(m, shape, table, line, rows)
    same(
      await whole(m, shape, rope, cache(m, shape, ctx + 16), line, [1, 2, 7, 1, 40, 3, 64]),
      rows,
      'other passes',
    )
    const gap = { n_shared: 11, gap: 23 }
    same(
      await whole(m, shape, rope, cache(m, shape, ctx), line, [16, 1, 64], gap),
      rows,
      'two ranges',
    )
    same(
      await whole(m, shape, rope, cache(m, shape, ctx), line, [16, 1, 64], { n_shared: 0, gap: 5 }),
      rows,
      'moved',
    )
    m.gpu.close()
  })
}

test('branches beside each other, some rows only, at a place in out', async () => {
  const shape = { n_heads: 4, n_kv: 2, d_head: 32, d_rope: 32 }
  const m = await openKernels()
  assert.equal(await m.open(0, { ...shape, d_model: 32, variants: 'plain' }), S.ok, m.kernelsLine)
  const [n, ctx, shared] = [30, 128, 20]
  const at = m.alloc(4 * ctx * shape.d_rope)
  m.e.rope_table(at, ctx, shape.d_rope)
  const rope = m.up(m.f32At(at, ctx * shape.d_rope))
  m.free()
  const [a, b] = [new Timeline(m, shape, n, ctx, 5), new Timeline(m, shape, n, ctx, 6)]
  b.qkv.set(a.qkv.slice(0, shared * a.width)) // the same trunk
  const aRows = await whole(m, shape, rope, cache(m, shape, ctx), a, [n])
  const bRows = await whole(m, shape, rope, cache(m, shape, ctx), b, [n])
  const kv = cache(m, shape, ctx)
  await attend(m, shape, rope, kv, [{ line: a, pos: 0, n: shared }])
  const spans = [
    { line: a, pos: shared, n: 6, n_shared: shared, gap: 20 },
    { line: b, pos: shared, n: 4, n_shared: shared, gap: 60 },
  ]
  const both = await attend(m, shape, rope, kv, spans)
  same(both, [...aRows.slice(shared, shared + 6), ...bRows.slice(shared, shared + 4)], 'branches')
  const later = [
    { ...spans[1], pos: shared + 4, n: 3 },
    { ...spans[0], pos: shared + 6, n: 4 },
  ]
  const some = await attend(m, shape, rope, kv, later, { picks: [6, 2, 3], row0: 5 })
  same(some, [aRows[shared + 9], bRows[shared + 6], aRows[shared + 6]], 'some rows')
  m.gpu.close()
})
