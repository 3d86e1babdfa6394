// What a model on the GPU does when the device fails: lost in a load, in a pass or between passes,
// out of memory, a shader that does not compile. Each time a typed status with a line, no hang, and
// every buffer given back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GPU, openSides, ownGpu, S, tiny } from './sides.mjs'

const MAP_READ = 1
const file = tiny('q4_0')
const load = (s) => s.load(GPU, file, { ctx: 2048 })
const tokens = Array.from({ length: 12 }, (_, i) => 7 * i + 3)

/** Buffers of the device that nobody destroyed; staging of read-backs is the Gpu's to keep. */
async function counted(prepare = () => {}) {
  const live = new Set()
  const { device, gpu } = await ownGpu({
    prepare(made) {
      prepare(made)
      const create = made.createBuffer.bind(made)
      made.createBuffer = (desc) => {
        const buffer = create(desc)
        if (desc.usage & MAP_READ) return buffer
        const destroy = buffer.destroy.bind(buffer)
        live.add(buffer)
        buffer.destroy = () => {
          live.delete(buffer)
          destroy()
        }
        return buffer
      }
    },
  })
  return { device, gpu, live, s: await openSides(gpu) }
}
function closed({ s, live, gpu }) {
  s.e.side_close(GPU)
  assert.equal(live.size, 0, 'buffers left over')
  gpu.close()
}

test('everything is given back: a load to its end, one left half way, a pass that is dropped', async () => {
  const whole = await counted()
  assert.equal(await load(whole.s), S.ok, whole.s.line)
  assert.equal(whole.s.e.session_open(GPU), S.ok)
  assert.equal(whole.s.e.caches_open(GPU, 64), S.ok)
  assert.ok(whole.live.size > 20)
  const spans = [{ tokens, pos: 0, out: 3 }]
  const want = await whole.s.pass(GPU, spans)
  whole.s.passBegin(GPU, [{ tokens: tokens.slice(5), pos: 0, out: 1 }], { logits: true, more: 2 })
  assert.equal(whole.s.e.pass_step(GPU), S.pending)
  whole.s.e.pass_drop(GPU)
  const again = await whole.s.pass(GPU, spans)
  assert.deepEqual(again.best, want.best)
  assert.deepEqual(again.logP, want.logP)
  closed(whole)

  const half = await counted()
  assert.equal(half.s.e.load_begin(GPU, file.length, 64, half.s.webgpuName), S.ok)
  const at = half.s.e.get(file.length) >>> 0
  new Uint8Array(half.s.memory.buffer, at, file.length).set(file)
  await half.s.until(() => half.s.e.load_bytes(GPU, at, file.length >> 1))
  half.s.e.load_close(GPU)
  closed(half)
})

test('any number of passes dropped one after the other', async () => {
  const it = await counted()
  const { s } = it
  assert.equal(await load(s), S.ok, s.line)
  assert.equal(s.e.caches_open(GPU, 64), S.ok)
  const spans = [{ tokens, pos: 0, out: 2 }]
  const want = await s.pass(GPU, spans)
  for (let i = 0; i < 40; i++) {
    s.passBegin(GPU, [{ tokens: tokens.slice(i % 9), pos: 0, out: 1 }], { logits: i % 2 === 0 })
    assert.equal(s.e.pass_step(GPU), S.pending)
    s.e.pass_drop(GPU)
  }
  const got = await s.pass(GPU, spans)
  assert.deepEqual([got.status, got.best], [S.ok, want.best])
  assert.deepEqual(got.logP, want.logP)
  closed(it)
})

test('the device is lost in a load: at every part of the file, while pipelines compile', async () => {
  for (const share of [0, 0.3, 0.6, 1]) {
    const it = await counted()
    const { s } = it
    const n = Math.floor(file.length * share)
    const at = s.e.get(file.length) >>> 0
    new Uint8Array(s.memory.buffer, at, file.length).set(file)
    assert.equal(s.e.load_begin(GPU, file.length, 64, s.webgpuName), S.ok)
    let status = n > 0 ? await s.until(() => s.e.load_bytes(GPU, at, n)) : S.needBytes
    if (n === file.length) assert.equal(s.e.load_finish(GPU), S.pending)
    it.device.destroy()
    if (n < file.length) status = await s.until(() => s.e.load_bytes(GPU, at + n, file.length - n))
    if (status >= 0) status = await s.until(() => s.e.load_finish(GPU))
    assert.equal(status, S.lost, `${share}: ${s.line}`)
    assert.match(s.line, /lost/)
    s.e.load_close(GPU)
    closed(it)
  }
})

test('the device is lost between passes, in a pass, and stays lost', async () => {
  for (const when of ['between', 'in']) {
    const it = await counted()
    const { s } = it
    assert.equal(await load(s), S.ok, s.line)
    assert.equal(s.e.session_open(GPU), S.ok)
    assert.equal(s.e.caches_open(GPU, 64), S.ok)
    const spans = [{ tokens, pos: 0, out: 12 }]
    assert.equal((await s.pass(GPU, spans)).status, S.ok)
    s.passBegin(GPU, spans, { logits: true, more: 3 })
    if (when === 'in') assert.equal(s.e.pass_step(GPU), S.pending)
    it.device.destroy()
    const status = await s.until(() => s.e.pass_step(GPU))
    if (status === S.ok)
      assert.equal((await s.pass(GPU, spans)).status, S.lost) // it was done before
    else assert.equal(status, S.lost)
    for (let i = 0; i < 20; i++) assert.equal((await s.pass(GPU, spans)).status, S.lost)
    const answer = await s.generate(GPU, 'the end', 4)
    assert.equal(answer.status, S.lost)
    assert.match(s.line, /the GPU device was lost/)
    assert.equal((await s.edit(GPU, 0, 'the end')).status, S.lost)
    assert.match(s.line, /the GPU device was lost/)
    closed(it)
  }
})

test('no memory: for a weight, a cache', async () => {
  for (const nth of [3, 20, 'cache']) {
    let n = 0
    let armed = nth !== 'cache'
    const it = await counted((device) => {
      const create = device.createBuffer.bind(device)
      device.createBuffer = (desc) => {
        if (desc.usage & MAP_READ || !armed) return create(desc)
        return create(++n === (nth === 'cache' ? 1 : nth) ? { ...desc, size: 2 ** 45 } : desc)
      }
    })
    const { s } = it
    let status = await load(s)
    if (nth === 'cache') {
      assert.equal(status, S.ok, s.line)
      armed = true
      assert.equal(s.e.caches_open(GPU, 64), S.ok) // said by the first pass
      status = (await s.pass(GPU, [{ tokens, pos: 0, out: 1 }])).status
    }
    assert.equal(status, S.noMemory, `buffer ${nth}: ${status} ${s.line}`)
    closed(it)
  }
})

test('a shader that does not compile is named', async () => {
  for (const name of ['attention', 'kv_move', 'repack']) {
    const it = await counted((device) => {
      const create = device.createShaderModule.bind(device)
      device.createShaderModule = (desc) =>
        create(
          desc.label?.startsWith(name)
            ? { ...desc, code: desc.code.replace('fn main', 'fn main_') }
            : desc,
        )
    })
    assert.equal(await load(it.s), S.unsupported)
    assert.match(it.s.line, new RegExp(`^${name}`))
    closed(it)
  }
})

test('no device: the request is refused at once', async () => {
  const { noGpu } = await import('../../sdk/src/gpu/none.ts')
  const s = await openSides({ imports: () => noGpu, waiting: false, close() {} })
  assert.equal(await load(s), S.unsupported)
  assert.equal(s.line, 'kernels "webgpu": there is no GPU device here')
})
