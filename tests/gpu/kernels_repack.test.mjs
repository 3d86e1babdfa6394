// Every weight type into every format it can go to, and the embedding of rows out of it again: the
// values are those of quant.c, exactly.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bits, FORMAT, GOES_TO, openKernels, TYPE } from './kernels.mjs'
import { S } from './module.mjs'

const [ROWS, COLS] = [21, 512]
const SHAPE = { d_model: COLS }

/** Exactly equal; zeros of either sign are. */
function same(got, want, what) {
  assert.equal(got.length, want.length)
  for (let j = 0; j < want.length; j++) {
    if (got[j] !== want[j])
      assert.fail(
        `${what} row ${Math.floor(j / COLS)} column ${j % COLS}: ${got[j]}, not ${want[j]}`,
      )
  }
}

/** Rows `tokens` of weight w as the embedding kernel gives them. */
async function embedded(m, w, tokens) {
  const pass = m.passes([{ m: tokens.length }])
  const records = m.records(tokens.map((token) => ({ token })))
  const [results, , resultsBytes] = m.up(Int32Array.from([0, 0, 0, 0, 5, 0, 0, 0]))
  const x = m.empty(4 * COLS * 64)
  m.e.embed_bind(0, 0, w, pass, records[0], records[2], results, resultsBytes, m.numbers(x))
  m.e.embed_run(0, 0, 0, tokens.length)
  return m.down([x[0], 0, 4 * COLS * tokens.length])
}

for (const [type, formats] of Object.entries(GOES_TO)) {
  test(`${type} into ${formats.join(', ')}`, async () => {
    const m = await openKernels()
    const mask = bits(...formats)
    assert.equal(
      await m.open(0, { ...SHAPE, embed: mask, repack: { [type]: mask } }),
      S.ok,
      m.kernelsLine,
    )
    const raw = m.raw(type, ROWS, COLS, TYPE[type] + 1)
    const want = m.decode(type, raw, ROWS, COLS)
    assert.equal(FORMAT[formats[0]], m.e.format_of(TYPE[type]))
    for (const [i, format] of formats.entries()) {
      assert.equal(m.e.weight_make(i, FORMAT[format], ROWS, COLS), S.ok)
      m.repack(0, i, type, raw, COLS, { lead: i })
      const got = await embedded(
        m,
        i,
        Array.from({ length: ROWS }, (_, r) => r),
      )
      same(got, want, format)
    }
    m.gpu.close()
  })
}

test('rows in pieces, between other rows, and of several types in one matrix', async () => {
  const m = await openKernels()
  const mask = bits('B8F')
  assert.equal(
    await m.open(0, { ...SHAPE, embed: mask, repack: { Q4_K: mask, Q6_K: mask } }),
    S.ok,
    m.kernelsLine,
  )
  const rows = 10
  const [gate, up] = [m.raw('Q4_K', rows, COLS, 3), m.raw('Q6_K', rows, COLS, 4)]
  const [gateWant, upWant] = [m.decode('Q4_K', gate, rows, COLS), m.decode('Q6_K', up, rows, COLS)]
  assert.equal(m.e.format_join(m.e.format_of(TYPE.Q4_K), m.e.format_of(TYPE.Q6_K)), FORMAT.B8F)
  m.e.weight_make(0, FORMAT.B8F, 2 * rows, COLS)
  const cut = (raw, type, from, to) =>
    raw.slice(from * m.e.row_bytes(TYPE[type], COLS), to * m.e.row_bytes(TYPE[type], COLS))
  m.repack(0, 0, 'Q4_K', cut(gate, 'Q4_K', 0, 3), COLS, { row: 0, row0: 0, step: 2, lead: 5 })
  m.repack(0, 0, 'Q6_K', cut(up, 'Q6_K', 0, 10), COLS, { row: 0, row0: 1, step: 2 })
  m.repack(0, 0, 'Q4_K', cut(gate, 'Q4_K', 3, 10), COLS, { row: 3, row0: 0, step: 2, lead: 2 })
  const got = await embedded(
    m,
    0,
    Array.from({ length: 2 * rows }, (_, r) => r),
  )
  for (let r = 0; r < rows; r++) {
    same(
      got.slice(2 * r * COLS, (2 * r + 1) * COLS),
      gateWant.slice(r * COLS, (r + 1) * COLS),
      'gate',
    )
    same(
      got.slice((2 * r + 1) * COLS, (2 * r + 2) * COLS),
      upWant.slice(r * COLS, (r + 1) * COLS),
      'up',
    )
  }
  m.gpu.close()
})

test('a token chosen before it in the queue', async () => {
  const m = await openKernels()
  const mask = bits('N4H')
  assert.equal(
    await m.open(0, { ...SHAPE, embed: mask, repack: { Q4_1: mask } }),
    S.ok,
    m.kernelsLine,
  )
  const raw = m.raw('Q4_1', ROWS, COLS, 9)
  m.e.weight_make(0, FORMAT.N4H, ROWS, COLS)
  m.repack(0, 0, 'Q4_1', raw, COLS)
  const want = m.decode('Q4_1', raw, ROWS, COLS)
  const pass = m.passes([{ m: 1 }, { m: 1, record0: 1 }])
  const records = m.records([{ token: 3 }, { token: -1, chain: 1 }])
  const results = m.up(Int32Array.from([0, 0, 0, 0, 5, 0, 0, 0]))
  const x = m.empty(4 * COLS)
  m.e.embed_bind(0, 0, 0, pass, records[0], records[2], results[0], results[2], m.numbers(x))
  m.e.embed_run(0, 0, 512, 1)
  same(await m.down(x), want.slice(5 * COLS, 6 * COLS), 'token')
  m.gpu.close()
})
