// Edits on the GPU through nf_edit_*: drafts, trees of guesses, snapshots and variants give the
// tokens of plain greedy decoding on the same device, line by line; and the branches that a search
// within a limit copies. A tiny random model says
// nothing sensible, which makes every line a hard one; NEARFIELD_GPU_LINES=n adds n lines of the
// real model (on SwiftShader a line of it takes minutes, on a GPU some milliseconds).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { editsAndPlain } from './parity.mjs'
import { GPU, openSides, ownGpu, S, tiny } from './sides.mjs'

const TINY_LINES = 5
const lines = readFileSync('tests/data/edit_lines.txt', 'utf8').split('\n').filter(Boolean)

async function compare(s, texts) {
  const sums = await editsAndPlain(s, texts)
  assert.deepEqual(sums.differ, [])
  assert.ok(sums.captions > 0)
  return sums
}

test(`${TINY_LINES} lines edited by a tiny model are those of plain greedy decoding`, async (t) => {
  const s = await openSides()
  assert.equal(await s.load(GPU, tiny('edit'), { ctx: 2048 }), S.ok, s.line)
  assert.equal(s.e.session_open(GPU), S.ok, s.line)
  const sums = await compare(
    s,
    lines.slice(0, TINY_LINES).map((line) => line.slice(0, 40)),
  )
  t.diagnostic(JSON.stringify(sums))
  s.e.side_close(GPU)
  s.gpu.close()
})

test('beams: branches that are copied have the rows of timelines of their own, bit for bit', async () => {
  const s = await openSides()
  assert.equal(await s.load(GPU, tiny('edit'), { ctx: 256 }), S.ok, s.line)
  assert.equal(s.e.session_open(GPU), S.ok, s.line)
  const prompt = Array.from({ length: 20 }, (_, i) => 5 + ((i * 7) % 40))
  const rowAt = (at) => new Uint32Array(s.memory.buffer, at >>> 0, s.e.n_vocab(GPU)).slice()
  const set = (tokens) => {
    new Int32Array(s.memory.buffer, s.room, tokens.length).set(tokens)
    assert.equal(s.e.timeline_set(GPU, s.room, tokens.length), S.ok)
  }
  const beams = [[], [], [], []]
  const rows = []
  const from = [0, 0, 3, 1, 2] // in step i, branch i % 4 becomes a copy of this one
  set(prompt)
  s.e.branches_begin(GPU, 4, 8)
  for (const [step, parent] of from.entries()) {
    const over = step % 2 ? 0 : 1 << (3 - (step % 4)) // one of them rests
    assert.equal(await s.until(() => s.e.branches_run(GPU, over)), S.ok)
    for (const [i, tokens] of beams.entries())
      if (!((over >> i) & 1)) rows.push([[...tokens], rowAt(s.e.branch_logits(GPU, i))])
    const to = step % 4
    if (to !== parent) {
      s.e.branch_copy(GPU, to, parent)
      beams[to] = [...beams[parent]]
    }
    for (const [i, tokens] of beams.entries()) {
      tokens.push(3 + i + 11 * step)
      assert.equal(s.e.branch_push(GPU, i, tokens.at(-1)), S.ok)
    }
  }
  assert.ok(rows.length > 15)
  for (const [tokens, row] of rows) {
    set([...prompt, ...tokens])
    assert.equal(await s.until(() => s.e.timeline_run(GPU)), S.ok)
    assert.deepEqual(row, rowAt(s.e.timeline_logits(GPU)), `behind ${tokens}`)
  }
  s.e.side_close(GPU)
  s.gpu.close()
})

/** The last row's logits behind 200 tokens, and what the first call sent of all that was sent. */
async function longPrompt(s) {
  const tokens = Array.from({ length: 200 }, (_, i) => 5 + ((i * 11) % 40))
  const run = async (first) => {
    new Int32Array(s.memory.buffer, s.room, 200).set([first, ...tokens.slice(1)])
    assert.equal(s.e.timeline_set(GPU, s.room, 200), S.ok)
    const before = s.gpu.counts.dispatches
    assert.equal(s.e.timeline_run(GPU), S.pending)
    const sent = s.gpu.counts.dispatches - before
    assert.equal(await s.until(() => s.e.timeline_run(GPU)), S.ok)
    return sent / (s.gpu.counts.dispatches - before)
  }
  for (const first of [1, 2, 3]) await run(first) // how quick the device is becomes known
  const share = await run(4)
  const at = s.e.timeline_logits(GPU) >>> 0
  return { share, row: new Uint32Array(s.memory.buffer, at, s.e.n_vocab(GPU)).slice() }
}

test('a long prompt: on a quick device no pass of it waits for the one before, with the same bits', async () => {
  const rows = []
  let ms = 0
  for (const clock of [() => 0, () => (ms += 100)]) {
    const { device, gpu } = await ownGpu()
    const s = await openSides(gpu, { clock })
    assert.equal(await s.load(GPU, tiny('edit'), { ctx: 256 }), S.ok, s.line)
    assert.equal(s.e.session_open(GPU), S.ok, s.line)
    const { share, row } = await longPrompt(s)
    if (rows.length === 0) assert.equal(share, 1, 'all four passes with the first call')
    else assert.ok(share < 0.5, `a slow device is asked after each piece, ${share}`)
    rows.push(row)
    if (clock() === 0) {
      new Int32Array(s.memory.buffer, s.room, 200).fill(9)
      assert.equal(s.e.timeline_set(GPU, s.room, 200), S.ok)
      assert.equal(s.e.timeline_run(GPU), S.pending)
      device.destroy() // passes that nobody waits for are on their way
      assert.equal(await s.until(() => s.e.timeline_run(GPU)), S.lost)
    }
    s.e.side_close(GPU)
    s.gpu.close()
  }
  assert.deepEqual(rows[1], rows[0])
})

const nReal = Number(process.env.NEARFIELD_GPU_LINES ?? 0)
if (nReal > 0) {
  test(`${nReal} lines edited by the real model are those of plain greedy decoding`, async (t) => {
    const s = await openSides()
    const file = readFileSync(process.env.NEARFIELD_MODEL)
    assert.equal(await s.load(GPU, file, { ctx: 1024, chunk: 1 << 22 }), S.ok, s.line)
    assert.equal(s.e.session_open(GPU), S.ok, s.line)
    const start = performance.now()
    const sums = await compare(s, lines.slice(0, nReal))
    t.diagnostic(JSON.stringify({ ...sums, ms: Math.round(performance.now() - start) }))
    assert.ok(sums.passes < sums.plain, 'drafts save passes')
    s.e.side_close(GPU)
    s.gpu.close()
  })
}
