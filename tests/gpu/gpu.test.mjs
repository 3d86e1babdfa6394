// sdk/src/gpu through gpu.h, on Dawn: what C calls does what gpu.h says, and every failure comes
// back as its status, never as a hang.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openGpu } from '../../sdk/src/gpu/device.ts'
import { Gpu } from '../../sdk/src/gpu/gpu.ts'
import { noGpu } from '../../sdk/src/gpu/none.ts'
import { webgpu } from './dawn.mjs'
import { openModule, S } from './module.mjs'

const HEAD = `
override STEP: u32 = 0u;
override SCALE: f32 = 1.0;
struct Params { n: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> from_words: array<u32>;
@group(0) @binding(2) var<storage, read_write> to_words: array<u32>;
`
const ADD = `
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.n) { to_words[id.x] += u32(SCALE * f32(from_words[id.x])) + STEP; }
}`

async function start() {
  const { gpu, adapter } = await openGpu(webgpu)
  return { gpu, adapter, m: await openModule(gpu) }
}
/** Buffers, the pipeline and its bind; `to` starts at zero. */
function addition(m, options = {}) {
  const uniform = m.buffer(512, 'uniform')
  const from = m.buffer(64)
  const to = m.buffer(64)
  const pipeline = m.pipeline({
    head: HEAD,
    body: ADD,
    letters: 'urw',
    step: 1,
    scale: 2,
    ...options,
  })
  const bind = m.bind(pipeline, [
    [uniform, 0, 4],
    [from, 0, 64],
    [to, 0, 64],
  ])
  return { uniform, from, to, pipeline, bind }
}
const words = (n, of) => Array.from({ length: n }, (_, i) => of(i))

test('facts, and none without a device', async () => {
  const { gpu, m, adapter } = await start()
  const facts = m.facts()
  assert.equal(facts[0], 1)
  assert.ok(facts[6] >= 16384 && facts[7] >= 256 && facts[8] >= 8)
  assert.ok(facts[9] >= 2 ** 28 && facts[10] >= 2 ** 27)
  assert.equal(m.text(m.e.vendor()), gpu.facts.vendor)
  assert.equal(m.text(m.e.architecture()), gpu.facts.architecture)
  assert.notEqual(adapter, '')
  gpu.close()
  const none = await openModule(noGpu)
  assert.deepEqual(
    none.facts(),
    words(11, () => 0),
  )
  await assert.rejects(() => openGpu(undefined), { code: 'unsupported' })
  await assert.rejects(() => openGpu({ requestAdapter: async () => null }), { code: 'unsupported' })
})

test('write, dispatch with offsets, copy and read back, in the order of gpu.h', async () => {
  const { gpu, m } = await start()
  const a = addition(m)
  assert.equal(await m.ready(a.pipeline), S.ok)
  m.write(
    a.uniform,
    words(128, (i) => (i === 0 ? 2 : i === 64 ? 16 : 0)),
  )
  m.write(
    a.from,
    words(16, (i) => i),
  )
  m.e.dispatch(a.pipeline, a.bind, 0, 1, 1, 1)
  m.e.dispatch(a.pipeline, a.bind, 256, 1, 1, 1)
  m.e.copy(a.to, 0, a.from, 32, 16)
  m.e.dispatch(a.pipeline, a.bind, 256, 1, 1, 1) // a new pass, after the copy
  const ticket = m.e.submit(a.to, 4, 60)
  assert.equal(m.e.poll(ticket, m.room), S.pending) // nothing is done before a turn of the loop
  const [status, got] = await m.read(ticket, 15)
  assert.equal(status, S.ok)
  const once = (i) => 2 * i + 1
  const moved = (i) => (i < 2 ? 2 * once(i) : once(i)) // what the copy took
  const last = (i) => 2 * (i >= 8 && i < 12 ? moved(i - 8) : i) + 1
  assert.deepEqual(
    got,
    words(15, (k) => moved(k + 1) + last(k + 1)),
  )
  assert.equal(m.e.submit(0, 0, 0) > 0, true) // nothing recorded, nothing read: it still ends
  assert.deepEqual(gpu.counts, { submits: 2, dispatches: 3, bytesRead: 60 })
  gpu.close()
})

test('much work goes to the device in parts, in order, and is one ticket', async () => {
  const { gpu, m } = await start()
  const a = addition(m)
  await m.ready(a.pipeline)
  m.write(a.uniform, [16])
  gpu.sendFirst = 1
  gpu.sendEach = 2
  m.e.submit(0, 0, 0) // from the next one on
  m.write(
    a.from,
    words(16, (i) => i),
  )
  for (let i = 0; i < 5; i++) m.e.dispatch(a.pipeline, a.bind, 0, 1, 1, 1)
  assert.equal(gpu.counts.submits, 4) // nothing, one, two, two
  m.e.copy(a.to, 0, a.from, 0, 64) // behind all five
  m.e.dispatch(a.pipeline, a.bind, 0, 1, 1, 1)
  const [status, got] = await m.read(m.e.submit(a.to, 0, 64), 16)
  assert.equal(status, S.ok)
  const five = (i) => 5 * (2 * i + 1)
  assert.deepEqual(
    got,
    words(16, (i) => five(i) + 2 * five(i) + 1),
  )
  gpu.close()
})

test('many submits in flight end in order; tickets and staging are used again', async () => {
  const { gpu, m } = await start()
  const a = addition(m)
  await m.ready(a.pipeline)
  m.write(a.uniform, [16])
  for (let round = 0; round < 3; round++) {
    const tickets = words(16, () => {
      m.e.dispatch(a.pipeline, a.bind, 0, 1, 1, 1)
      return m.e.submit(a.to, 0, 4)
    })
    assert.throws(() => m.e.submit(a.to, 0, 4), /16 tickets/)
    for (const [i, ticket] of tickets.entries()) {
      assert.deepEqual(await m.read(ticket, 1), [S.ok, [16 * round + i + 1]])
    }
  }
  gpu.close()
})

test('pipelines compile at the same time; one that does not says why', async () => {
  const { gpu, m } = await start()
  const good = words(8, (i) => m.pipeline({ head: HEAD, body: ADD, letters: 'urw', step: i }))
  const noFunction = m.pipeline({
    name: 'typo',
    head: HEAD,
    body: ADD.replace('u32(SCALE', 'u33(SCALE'),
    letters: 'urw',
  })
  const noEntry = m.pipeline({
    name: 'nowhere',
    head: HEAD,
    body: ADD,
    letters: 'urw',
    entry: 'absent',
  })
  const otherLayout = m.pipeline({ name: 'layout', head: HEAD, body: ADD, letters: 'urr' })
  for (const pipeline of good) assert.equal(await m.ready(pipeline), S.ok)
  assert.equal(await m.ready(noFunction), S.unsupported)
  assert.match(m.line, /^typo: \d+:\d+ .*u33/)
  assert.equal(await m.ready(noEntry), S.unsupported)
  assert.match(m.line, /^nowhere: .*absent/)
  assert.equal(await m.ready(otherLayout), S.unsupported)
  assert.match(m.line, /^layout: /)
  assert.equal(await m.ready(good[0]), S.ok) // the others and the device are none the worse
  assert.equal(gpu.failure, null)
  assert.throws(() => m.e.dispatch(noEntry, m.bind(good[0], []), 0, 1, 1, 1))
  gpu.close()
})

test('a buffer that is not to be had is said by the next poll, and stays', async () => {
  const { gpu, m } = await start()
  const a = addition(m)
  await m.ready(a.pipeline)
  m.buffer(2 ** 45) // no device has it
  const ticket = m.e.submit(a.to, 0, 4)
  assert.equal((await m.read(ticket, 1))[0], S.noMemory)
  assert.match(m.line, /refused/)
  m.e.dispatch(a.pipeline, a.bind, 0, 1, 1, 1)
  assert.equal(m.e.poll(m.e.submit(a.to, 0, 4), m.room), S.noMemory)
  gpu.close()
})

test('a command the device refuses fails its ticket', async () => {
  const { gpu, m } = await start()
  const a = addition(m)
  await m.ready(a.pipeline)
  m.e.copy(a.to, 0, a.from, 32, 64) // past the end
  assert.equal((await m.read(m.e.submit(a.to, 0, 4), 1))[0], S.unsupported)
  gpu.close()
  const { gpu: other, m: n } = await start()
  n.bind(n.pipeline({ head: HEAD, body: ADD, letters: 'urw' }), [[n.buffer(4, 'uniform'), 0, 4]])
  assert.equal((await n.read(n.e.submit(0, 0, 0), 0))[0], S.unsupported)
  other.close()
})

/** A device whose destroy() is not our own close(): what a driver's reset looks like from here. */
async function losable() {
  const adapter = await webgpu.requestAdapter()
  const device = await adapter.requestDevice()
  const { gpu: like } = await start()
  const gpu = new Gpu(device, like.facts)
  like.close()
  return { device, gpu, m: await openModule(gpu) }
}
const stages = {
  'before anything': () => {},
  'while it compiles': (m, s) => {
    s.a = addition(m)
  },
  compiled: async (m, s) => {
    await m.ready(s.a.pipeline)
  },
  written: (m, s) => {
    m.write(s.a.uniform, [16])
  },
  recorded: (m, s) => {
    m.e.dispatch(s.a.pipeline, s.a.bind, 0, 1, 1, 1)
  },
  submitted: (m, s) => {
    s.ticket = m.e.submit(s.a.to, 0, 4)
  },
  answered: async (m, s) => {
    s.got = await m.read(s.ticket, 1)
  },
}
for (const [at, stage] of Object.keys(stages).entries()) {
  test(`the device is lost: ${stage}`, async () => {
    const { device, gpu, m } = await losable()
    const s = {}
    const all = Object.values(stages)
    for (const step of all.slice(0, at + 1)) await step(m, s)
    device.destroy()
    if (at < 1) s.a = addition(m) // going on as if nothing had happened
    if (at < 2) assert.equal(await m.ready(s.a.pipeline), S.lost)
    m.write(s.a.uniform, [3])
    s.ticket = at === 5 ? s.ticket : m.e.submit(s.a.to, 0, 4)
    const [status] = await m.read(s.ticket, 1)
    // what was submitted before the loss may still have come back
    if (at === 5 && status === S.ok) assert.equal(m.e.poll(m.e.submit(s.a.to, 0, 4), 0), S.lost)
    else assert.equal(status, S.lost)
    assert.match(m.line, /lost/)
    assert.equal(gpu.failure.kind, 'lost')
    await gpu.settled() // never waits on a device that is gone
    for (let i = 0; i < 20; i++) assert.equal(m.e.poll(m.e.submit(s.a.to, 0, 4), 0), S.lost)
  })
}

test('close() is no loss', async () => {
  const { gpu, m } = await start()
  await m.ready(addition(m).pipeline)
  gpu.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(gpu.failure, null)
})
