// The known-answer test: every kernel right on this device; a wrong fast variant replaced by the
// plain one, and said so; a wrong plain one refused. The WGSL is tampered with on its way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bits, FORMAT, floats, GOES_TO, OP, openKernels, some } from './kernels.mjs'
import { S } from './module.mjs'

const encoder = new TextEncoder()
/**
 * Imports whose gpu_pipeline_make puts `to` for `find` in the text of pipelines named so: the desc
 * points to changed copies, in new pages of the module's memory, during the call.
 */
function tamperWith(name, find, to) {
  const seen = []
  const tamper = (imports, memory) => {
    const make = imports.gpu_pipeline_make
    imports.gpu_pipeline_make = (desc) => {
      const view = new DataView(memory.buffer)
      const text = (at, length) =>
        new TextDecoder().decode(new Uint8Array(memory.buffer, at, length).slice())
      const nameAt = view.getUint32(desc, true)
      const its = text(nameAt, new Uint8Array(memory.buffer, nameAt).indexOf(0))
      if (!name.test(its)) return make(desc)
      seen.push(its)
      const parts = view.getUint32(desc + 4, true)
      const [count, kept] = [view.getUint32(desc + 8, true), []]
      let hits = 0
      for (let i = 0; i < 2 * count; i++) kept.push(view.getUint32(parts + 4 * i, true))
      for (let i = 0; i < count; i++) {
        const bytes = encoder.encode(
          text(kept[2 * i], kept[2 * i + 1]).replaceAll(find, () => {
            hits++
            return to
          }),
        )
        const at = memory.grow(1) << 16
        new Uint8Array(memory.buffer, at, bytes.length).set(bytes)
        new DataView(memory.buffer).setUint32(parts + 8 * i, at, true)
        new DataView(memory.buffer).setUint32(parts + 8 * i + 4, bytes.length, true)
      }
      if (hits === 0) throw new Error(`${its} has no ${find}`)
      const handle = make(desc)
      kept.forEach((word, i) => {
        new DataView(memory.buffer).setUint32(parts + 4 * i, word, true)
      })
      return handle
    }
  }
  return { tamper, seen }
}
const MODEL = { d_model: 160, d_ff: 96, n_heads: 2, n_kv: 1, d_head: 32, d_rope: 32, n_vocab: 3301 }
const N4H = bits('N4H')
const ADDING = [OP.norm_store, OP.norm_swiglu, OP.add_attn, OP.add_ff] // also with a low-rank addition

test('every kernel and format is right here', async () => {
  const m = await openKernels()
  const all = bits(...Object.keys(FORMAT))
  const repack = Object.fromEntries(
    Object.entries(GOES_TO).map(([type, formats]) => [type, bits(...formats)]),
  )
  const matmul = Object.fromEntries(Object.keys(OP).map((op) => [op, all]))
  assert.equal(
    await m.open(0, { ...MODEL, variants: 'plain', embed: all, matmul, repack }),
    S.ok,
    m.kernelsLine,
  )
  assert.equal(m.e.kernels_facts(0), 0)
  assert.equal(m.text(m.e.kernels_replaced()), '')
  assert.ok(m.gpu.counts.submits >= 25 + 5 * 6 + 6 + 3, `${m.gpu.counts.submits} trials`)
  const before = m.gpu.counts.submits
  for (const op of ADDING)
    for (const format of Object.values(FORMAT)) m.e.kernels_more(0, op, format, 8)
  assert.equal(await m.until(() => m.e.kernels_poll(0)), S.ok, m.kernelsLine)
  assert.equal(m.e.kernels_facts(0), 0)
  assert.equal(m.gpu.counts.submits - before, 4 * 6)
  m.gpu.close()
})

const WRONG = [
  ['arithmetic', /^matmul_chunk:/, 'part0 += ', 'part1 += '],
  ['a lane too few', /^matmul_vec:/, 'part_at(o, b + 3u, nb)', 'part_at(o, b + 4u, nb)'],
  [
    'another order of the sum',
    /^matmul_vec4:/,
    '(((0.0 + p0) + p1) + p2) + p3',
    '(((0.0 + p3) + p2) + p1) + p0',
  ],
  ['no shader at all', /^matmul_chunk:/, 'workgroupBarrier', 'noSuchBarrier'],
]
for (const [what, name, find, to] of WRONG) {
  test(`a wrong fast variant is replaced: ${what}`, async () => {
    const { tamper, seen } = tamperWith(name, find, to)
    const m = await openKernels({ tamper })
    assert.ok(m.tune('products=1'))
    assert.equal(
      await m.open(0, {
        ...MODEL,
        d_rope: 0,
        n_vocab: 0,
        matmul: { norm_store: N4H },
        repack: { Q4_1: N4H },
      }),
      S.ok,
      m.kernelsLine,
    )
    assert.equal(m.e.kernels_facts(0), 1)
    assert.equal(m.text(m.e.kernels_replaced()), seen[0])
    // and what runs in its place is right
    const [rows, cols] = [8, 160]
    m.e.weight_make(0, FORMAT.N4H, rows, cols)
    m.repack(0, 0, 'Q4_1', m.raw('Q4_1', rows, cols, 2), cols)
    const pass = m.passes([1, 4, 16, 17].map((n) => ({ m: n })))
    const y = m.empty(4 * rows * 64)
    m.e.matmul_bind(
      0,
      0,
      OP.norm_store,
      0,
      pass,
      m.numbers([...m.up(floats(64 * cols, 1)), ...m.up(floats(cols, 2)), 0, 0, 0, ...y]),
      -1,
    )
    let most = null
    for (const [i, n] of [
      [3, 17],
      [2, 16],
      [1, 4],
      [0, 1],
    ]) {
      m.e.matmul_run(0, 0, 512 * i, n)
      const got = await m.down([y[0], 0, 4 * rows * n])
      most ??= got
      assert.deepEqual(got, most.slice(0, rows * n))
    }
    m.gpu.close()
  })
}

for (const [what, find, to] of some(
  [
    ['its scale', 'slice.lora_scale[pair0 +', 'slice.lora_scale[0u * pair0 +'],
    [
      'its pair',
      'end = select(slice.n_rows, slice.pair_end.y',
      'end = select(slice.n_rows, slice.n_rows',
    ],
    ['its rank', 'min(j + 3u, last)', 'min(j + 2u, last)'],
  ],
  1,
)) {
  test(`a wrong addition of an adapter is replaced: ${what}`, async () => {
    const { tamper, seen } = tamperWith(/^matmul_(vec|vec4|chunk):norm_store_lora:/, find, to)
    const m = await openKernels({ tamper })
    assert.ok(m.tune('products=1'))
    const shape = { ...MODEL, d_rope: 0, n_vocab: 0, matmul: { norm_store: N4H } }
    assert.equal(await m.open(0, { ...shape, repack: { Q4_1: N4H } }), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 0)
    m.e.kernels_more(0, OP.norm_store, FORMAT.N4H, 6)
    assert.equal(await m.until(() => m.e.kernels_poll(0)), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 3)
    assert.equal(m.text(m.e.kernels_replaced()).slice(0, 95), seen.join(' ').slice(0, 95))
    m.gpu.close()
  })
}

// Their bits are their own, so one that is wrong takes the others with it.
for (const [what, name, find, to] of some(
  [
    ['rounded otherwise', /^matmul_vec_int/, 'round(v * up)', 'floor(v * up)'],
    ['no shader at all', /^matmul_chunk_int/, 'pack4xI8', 'noSuchPack'],
  ],
  1,
)) {
  test(`a wrong product by 8-bit dots gives all of them up: ${what}`, async () => {
    const { tamper, seen } = tamperWith(name, find, to)
    const m = await openKernels({ tamper })
    const matmul = { norm_store: N4H, add_attn: N4H }
    const shape = { ...MODEL, d_rope: 0, n_vocab: 0, n_heads: 5, n_kv: 5 }
    assert.equal(await m.open(0, { ...shape, matmul, repack: { Q4_1: N4H } }), S.ok, m.kernelsLine)
    assert.ok(m.e.kernels_facts(0) >= 1)
    assert.equal(m.e.kernels_products_int(), 0)
    for (const one of m.text(m.e.kernels_replaced()).split(' ')) assert.ok(seen.includes(one), one)
    const { dispatches } = m.gpu.counts
    const [rows, cols] = [8, 160] // and there is a product that runs
    m.e.weight_make(0, FORMAT.N4H, rows, cols)
    m.repack(0, 0, 'Q4_1', m.raw('Q4_1', rows, cols, 2), cols)
    const x = [...m.up(floats(17 * cols, 1)), ...m.up(floats(cols, 2))]
    const y = m.empty(4 * rows * 17)
    m.e.matmul_bind(
      0,
      0,
      OP.norm_store,
      0,
      m.passes([{ m: 17 }]),
      m.numbers([...x, 0, 0, 0, ...y]),
      -1,
    )
    m.e.matmul_run(0, 0, 0, 17)
    assert.ok((await m.down(y)).every((v) => Number.isFinite(v)))
    assert.ok(m.gpu.counts.dispatches > dispatches)
    m.gpu.close()
  })
}

// the race itself takes a software driver minutes
test('products: the way that was asked for, or f32 and 8-bit dots are raced', async () => {
  for (const tune of some(['products=1', 'products=2', 'products=0'], 0)) {
    const m = await openKernels()
    assert.ok(m.tune(tune))
    const before = m.gpu.counts.dispatches
    const shape = { ...MODEL, d_rope: 0, n_vocab: 0, matmul: { norm_swiglu: N4H, norm_head: N4H } }
    assert.equal(await m.open(0, { ...shape, repack: { Q4_1: N4H } }), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 0)
    const dispatches = m.gpu.counts.dispatches - before
    if (tune === 'products=0')
      assert.ok(dispatches >= 8 * 2 * 4, `${dispatches}: a race of eight runs`)
    else assert.equal(m.e.kernels_products_int(), tune === 'products=2' ? 1 : 0)
    m.gpu.close()
  }
})

for (const [what, find, to] of some(
  [
    ['wrong', 'quadSwapX(a)', 'quadSwapY(a)'],
    ['no shader at all', 'subgroupMax', 'noSuchMax'],
  ],
  0,
)) {
  test(`an attention by subgroups is left out: ${what}`, async () => {
    const { tamper } = tamperWith(/^attention_quad/, find, to)
    const m = await openKernels({ tamper })
    assert.ok(m.tune('attention_threads=16,pick_threads=16'))
    assert.equal(await m.open(0, MODEL), S.ok, m.kernelsLine)
    assert.equal(m.e.kernels_facts(0), 1)
    assert.equal(m.text(m.e.kernels_replaced()), 'attention_quad')
    assert.equal(m.e.kernels_attention_quad(), 0)
    m.gpu.close()
  })
}

test('the faster of two attentions is chosen, kernels asked for later are tried', async () => {
  const m = await openKernels()
  assert.ok(m.tune('attention_threads=16,pick_threads=16'))
  const before = m.gpu.counts.dispatches
  assert.equal(await m.open(0, MODEL), S.ok, m.kernelsLine)
  assert.equal(m.e.kernels_facts(0), 0)
  assert.ok(m.gpu.counts.dispatches - before >= 6 + 8 * 4, 'a race of eight runs')
  const { submits } = m.gpu.counts
  const more = async (rank, trials) => {
    m.e.kernels_more(0, OP.add_ff, FORMAT.F32, rank)
    assert.equal(await m.until(() => m.e.kernels_poll(0)), S.ok, m.kernelsLine)
    assert.equal(m.gpu.counts.submits, submits + trials)
  }
  await more(1, 1)
  await more(6, 1) // there already
  await more(7, 2) // no room for so many ranks
  await more(6, 2)
  m.e.kernels_more(0, OP.add_ff, FORMAT.F32, 9)
  assert.equal(m.e.kernels_poll(0), S.pending)
  m.e.kernels_more(0, OP.add_ff, FORMAT.F32, 17) // while those are being compiled or tried
  assert.equal(await m.until(() => m.e.kernels_poll(0)), S.ok, m.kernelsLine)
  assert.equal(m.e.kernels_facts(0), 0)
  m.gpu.close()
})

const REFUSED = [
  ['attention', /^attention$/, 'max(top, ', 'min(top, '],
  ['attention:cache', /^attention/, 'kv[to] = ', 'kv[0] = '],
  ['kv_move', /^kv_move/, 'job.from_slot * D_HEAD', '(job.from_slot + 1u) * D_HEAD'],
  ['kv_move:layers', /^kv_move/, 'id.z * job.layer_floats', 'id.z * job.n_slots'],
  ['kv_move:end', /^kv_move/, 'job.n * D_HEAD', '(job.n + 1u) * D_HEAD'],
  ['pick', /^pick_chunk/, 'its < token', 'its > token'],
  ['pick:join', /^pick$/, 'exp(part.top - top)', 'exp(top - part.top)'],
  ['pick:noise', /^pick$/, '0x846CA68Bu', '0x846CA68Du'],
  ['embed:n4h', /^embed/, '.chain].token', '.pos].token'],
  ['matmul_plain:norm_store:n4h', /^matmul_plain/, 'chunk.squares', 'chunk.dot'],
  ['repack:Q4_1:n4h', /^repack/, 'select(0u, 4u, i >= 4u)', 'select(0u, 4u, i >= 5u)'],
]
for (const [what, name, find, to] of REFUSED) {
  test(`a wrong kernel with nothing in its place is refused: ${what}`, async () => {
    const { tamper } = tamperWith(name, find, to)
    const m = await openKernels({ tamper })
    assert.equal(
      await m.open(0, {
        ...MODEL,
        variants: 'plain',
        embed: N4H,
        matmul: { norm_store: N4H },
        repack: { Q4_1: N4H },
      }),
      S.unsupported,
    )
    const said = /^(attention|kv_move|pick)/.exec(what)?.[0] ?? what
    assert.equal(m.kernelsLine, `this GPU computes ${said} wrong`)
    m.gpu.close()
  })
}
