// The SDK on WebGPU in Chromium, over SwiftShader and a tiny model: what runs where and why, and
// every fault of a GPU in a real browser. Whether the GPU computes right is tests/gpu's.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { outcomes, startGpu, TEXT, TIMEOUT, told } from './gpu_page.mjs'

let gpu
const withGpu = (faults, act) => gpu.withGpu(faults, act)
before(async () => {
  gpu = await startGpu()
})
after(() => gpu?.close())

test("'auto' leaves a GPU of software alone and says so", TIMEOUT, () =>
  withGpu({}, async ({ open, edit }) => {
    const status = await open()
    assert.equal(status.backend, 'wasm')
    assert.equal(status.backendWhy, 'software_adapter')
    assert.match(status.backendReason, /swiftshader/i)
    assert.match(status.gpu, /swiftshader/i)
    const { receipt } = await edit()
    assert.equal(receipt.backendWhy, 'software_adapter')
  }),
)

test('asked for, the GPU runs: the receipt and the status say so', TIMEOUT, () =>
  withGpu({}, async ({ open, edit }) => {
    const status = await open('webgpu')
    assert.equal(status.state, 'ready')
    assert.equal(status.backend, 'webgpu')
    assert.equal(status.kernels, 'webgpu')
    assert.equal(status.cached, true)
    const result = await edit()
    assert.equal(result.receipt.backend, 'webgpu')
    assert.equal(result.receipt.backendWhy, 'asked')
    assert.equal(result.receipt.replacedKernels, '')
    assert.deepEqual(outcomes(result), ['webgpu ok'])
    const again = await open('webgpu') // from this browser's storage now
    assert.equal(again.backend, 'webgpu')
  }),
)

test("a benchmark's shapes reach the kernels: one that none has is refused by name", TIMEOUT, () =>
  withGpu({}, async ({ open, page }) => {
    await page.evaluate(async () => {
      window.sdk = await import('/sdk/index.js?gpu=norm_head.chunk_m=5')
    })
    const failed = await open('webgpu')
    assert.equal(failed.code, 'unsupported')
    assert.match(failed.message, /webgpu:norm_head\.chunk_m=5/)
  }),
)

const refusals = [
  ['no adapter', { noAdapter: true }, 'no_webgpu', /offers no GPU/],
  ['an adapter that never comes', { silent: true }, 'no_webgpu', /no answer within 20 s/],
  ['no device', { noDevice: true }, 'refused', /gave no device: no device today/],
  ['a shader that fails', { shader: ['fn main', 'fn main_'] }, 'refused', /./],
  ['no room', { hugeBufferAt: 3 }, 'no_memory', /refused/],
  [
    'limits too small for the rows of a pass', // for a matrix it is cut: tests/gpu/model.test.mjs
    { limits: { maxStorageBufferBindingSize: 16384 } },
    'refused',
    /^the GPU binds 16384 bytes at once; the logits of a pass has 69632$/,
  ],
]
for (const [what, faults, why, line] of refusals) {
  test(`${what}: asked for, one clear line; 'auto' runs on the CPU and says why`, TIMEOUT, () =>
    withGpu({ ...faults, real: true }, async ({ open, edit, page }) => {
      const failed = await open('webgpu')
      assert.equal(failed.code, why === 'no_memory' ? 'no_memory' : 'unsupported')
      assert.match(failed.message, line)
      assert.doesNotMatch(failed.message, /\n/)
      assert.equal((await open()).backend, 'wasm')
      await page.waitForFunction((w) => window.nf.status.backendWhy === w, why)
      const { receipt } = await edit()
      assert.equal(receipt.backend, 'wasm')
      assert.equal(receipt.backendWhy, why)
    }),
  )
}

test('an adapter without features: the GPU runs, nothing had to be replaced', TIMEOUT, () =>
  withGpu({ noFeatures: true }, async ({ open, edit }) => {
    const status = await open('webgpu')
    assert.equal(status.backend, 'webgpu')
    assert.equal(status.replacedKernels, '')
    assert.deepEqual(outcomes(await edit()), ['webgpu ok'])
  }),
)

/** In the page: cancelled after each of these ms, each time followed at once by an edit. */
async function cancelAfter([text, afterMs]) {
  const seen = { names: [], queueMs: [], texts: [], outcomes: [] }
  for (const ms of afterMs) {
    const controller = new AbortController()
    const { signal } = controller
    const long = window.nf.edit({ task: 'fix', text: `${text} and ${ms} more`, signal })
    const ended = long.then(
      () => 'finished',
      (error) => error.name,
    )
    await new Promise((done) => setTimeout(done, ms))
    controller.abort()
    // a limit that nobody meets, another each time: no remembered answer
    const next = await window.nf.edit({ task: 'fix', text, maxChars: 1000 + ms })
    seen.names.push(await ended)
    seen.queueMs.push(Math.ceil(next.receipt.queueMs))
    seen.texts.push(next.text)
    seen.outcomes.push(...next.receipt.attempts.map((a) => `${a.backend} ${a.outcome}`))
  }
  return seen
}

test('cancelled wherever in an edit it comes: the next one runs and is right', TIMEOUT, () =>
  withGpu({}, async ({ open, edit, page }) => {
    await open('webgpu')
    const alone = await edit()
    const start = Date.now()
    await edit(`${TEXT} and 5 more`)
    const wholeMs = Date.now() - start
    const afterMs = [0, 3, 10, 30, 60, 100, 200, 400]
    const seen = await page.evaluate(cancelAfter, [TEXT, afterMs])
    console.log(`# cancel to the next edit: ${seen.queueMs.join(' ')} ms of ${wholeMs}`)
    // SwiftShader on shared cores keeps no 50 ms; but nobody waits for what was cancelled to end
    const middleMs = seen.queueMs.toSorted((a, b) => a - b)[afterMs.length / 2]
    assert.ok(middleMs < wholeMs / 3, `${middleMs} ms of ${wholeMs}`)
    assert.deepEqual(new Set(seen.names), new Set(['AbortError']))
    assert.deepEqual(new Set(seen.texts), new Set([alone.text]))
    assert.deepEqual(new Set(seen.outcomes), new Set(['webgpu ok']))
  }),
)

/** In the page: cancelled when the k-th submit of an edit is made, each followed at once by an edit. */
async function cancelIn([text, points]) {
  const seen = { names: [], texts: [], outcomes: [] }
  const channel = new BroadcastChannel('gpu-test')
  for (const k of points) {
    const controller = new AbortController()
    const reached = new Promise((resolve) => {
      channel.onmessage = ({ data }) => {
        if (data.reached) resolve()
        else if (k === points[0] || data.devices) start()
      }
    })
    let long
    const start = () => {
      long ??= window.nf
        .edit({ task: 'fix', text, maxChars: 2000 + k, signal: controller.signal })
        .then(
          () => 'finished',
          (error) => error.name,
        )
    }
    channel.postMessage({ tellAt: k })
    await reached
    controller.abort()
    const next = await window.nf.edit({ task: 'fix', text, maxChars: 1000 + k })
    seen.names.push(await long)
    seen.texts.push(next.text)
    seen.outcomes.push(...next.receipt.attempts.map((a) => `${a.backend} ${a.outcome}`))
  }
  channel.close()
  return seen
}

test('cancelled while any submit of an edit is on its way: the next one is right', TIMEOUT, () =>
  withGpu({}, async ({ open, edit, say, page }) => {
    await open('webgpu')
    const alone = await edit()
    const before = (await say({})).submits[0]
    await edit(TEXT, { maxChars: 999 })
    const n = (await say({})).submits[0] - before
    assert.ok(n >= 4, `${n} submits`)
    // how many there are depends on the device's pace; those of the first half are always made
    const points = Array.from({ length: Math.min(n >> 1, 8) }, (_, k) => k)
    const seen = await page.evaluate(cancelIn, [TEXT, points])
    assert.deepEqual(new Set(seen.names), new Set(['AbortError']), `${seen.names}`)
    assert.deepEqual(new Set(seen.texts), new Set([alone.text]))
    assert.deepEqual(new Set(seen.outcomes), new Set(['webgpu ok']))
  }),
)

test('two requests for one cue: the newer one ends the older, and is answered', TIMEOUT, () =>
  withGpu({}, async ({ open, page }) => {
    await open('webgpu')
    const seen = await page.evaluate(async (text) => {
      const ended = window.nf.edit({ task: 'fix', text: `${text} older`, key: '7' }).catch((e) => e)
      await new Promise((done) => setTimeout(done, 100)) // it runs
      const newer = await window.nf.edit({ task: 'fix', text, key: '7' })
      return { superseded: (await ended) instanceof window.sdk.SupersededError, newer }
    }, TEXT)
    assert.equal(seen.superseded, true)
    assert.deepEqual(outcomes(seen.newer), ['webgpu ok'])
  }),
)

test(
  'no timer fires, as on a page hidden for minutes: open, edit, queue, a lost device',
  TIMEOUT,
  () =>
    withGpu({ noTimers: true }, async ({ open, edit, say, page }) => {
      await page.evaluate(() => {
        window.setTimeout = window.setInterval = () => 0
      })
      assert.equal((await open('webgpu')).backend, 'webgpu')
      const results = await Promise.all([edit(), edit('they is')])
      assert.ok(results[1].receipt.queueMs > results[0].receipt.queueMs)
      for (const result of results) assert.deepEqual(outcomes(result), ['webgpu ok'])
      await say({ loseNext: 1, after: 1 })
      const replayed = await edit(TEXT, { maxChars: 999 })
      assert.deepEqual(outcomes(replayed), ['webgpu lost', 'webgpu ok'])
      assert.equal(replayed.text, results[0].text)
    }),
)

test('lost in load: opened again; lost again: told, and no more tries', TIMEOUT, async () => {
  await withGpu({ loseAt: [5] }, async ({ open, say }) => {
    assert.equal((await open('webgpu')).backend, 'webgpu')
    assert.equal((await say({})).devices, 2)
  })
  await withGpu({ loseAt: [5, 5, 5, 5], real: true }, async ({ open, edit, page }) => {
    const failed = await open('webgpu')
    assert.equal(failed.code, 'lost')
    assert.match(failed.message, /lost/)
    assert.equal((await open()).backend, 'wasm')
    await page.waitForFunction(() => window.nf.status.backendWhy === 'lost')
    assert.deepEqual(outcomes(await edit()), ['wasm ok'])
  })
})

test('lost between two requests: there again before the next one is asked', TIMEOUT, () =>
  withGpu({}, async ({ open, edit, say, page }) => {
    await open('webgpu')
    const start = Date.now()
    await say({ lose: true })
    await page.waitForFunction(() => window.told.length === 2)
    console.log(`# lost to ready: ${Date.now() - start} ms`)
    assert.deepEqual(await told(page), ['loading webgpu asked', 'ready webgpu asked'])
    assert.deepEqual(outcomes(await edit()), ['webgpu ok'])
  }),
)

for (const after of [0, 3]) {
  test(`lost in submit ${after} of an edit: a new device gives the same answer`, TIMEOUT, () =>
    withGpu({}, async ({ open, edit, say }) => {
      await open('webgpu')
      const alone = await edit()
      await say({ loseNext: 1, after })
      const replayed = await edit(TEXT, { maxChars: 999 }) // a limit that nobody meets
      assert.deepEqual(outcomes(replayed), ['webgpu lost', 'webgpu ok'])
      assert.equal(replayed.text, alone.text)
      assert.equal((await say({})).devices, 2)
    }),
  )
}

test(
  'lost in a pass, and the new device in the replayed one: the CPU answers',
  TIMEOUT,
  async () => {
    let load // submits of opening it again
    await withGpu({}, async ({ open, say, page }) => {
      await open('webgpu')
      await say({ lose: true })
      await page.waitForFunction(() => window.told.length === 2)
      load = (await say({})).submits[1]
    })
    await withGpu({}, async ({ open, edit, say }) => {
      await open('webgpu')
      await say({ loseNext: 1, later: load + 2 })
      const result = await edit()
      assert.deepEqual(outcomes(result), ['webgpu lost', 'webgpu lost', 'wasm ok'])
      assert.equal(result.receipt.backendWhy, 'lost')
      const { devices, submits } = await say({})
      assert.deepEqual([devices, submits[1]], [2, load + 2])
      const again = await edit(TEXT, { maxChars: 999 })
      assert.deepEqual(outcomes(again), ['wasm ok'])
      assert.equal(result.text, again.text)
    })
  },
)

test('an adapter for which there is no room: the CPU takes over, with the adapter', TIMEOUT, () =>
  withGpu({}, async ({ open, edit, adapter, say, page }) => {
    await open('webgpu')
    await say({ hugeNext: true })
    const fix = await adapter()
    await page.waitForFunction(() => window.told.length === 3) // first: it has an adapter more
    assert.deepEqual((await told(page)).slice(1), ['loading webgpu asked', 'ready wasm no_memory'])
    const { receipt } = await edit(TEXT, { adapter: fix })
    assert.equal(receipt.backend, 'wasm')
    assert.equal(receipt.backendWhy, 'no_memory')
    assert.equal(receipt.adapter.sha256, fix.sha256)
  }),
)

// its kernels are compiled when an edit asks for it first
test(
  "an adapter's shader that fails: the CPU answers that request and all later ones",
  TIMEOUT,
  () =>
    withGpu({ shader: ['fn main', 'fn main_', 'lora'] }, async ({ open, edit, adapter, page }) => {
      await open('webgpu')
      assert.deepEqual(outcomes(await edit()), ['webgpu ok'])
      const fix = await adapter()
      const result = await edit(TEXT, { adapter: fix })
      assert.deepEqual(outcomes(result), ['webgpu refused', 'wasm ok'])
      assert.equal(result.receipt.backendWhy, 'refused')
      assert.equal(result.receipt.adapter.sha256, fix.sha256)
      const { backendReason } = await page.evaluate(() => window.nf.status)
      assert.match(backendReason, /lora/)
      assert.deepEqual(outcomes(await edit(TEXT, { maxChars: 999 })), ['wasm ok'])
    }),
)

test('lost in a pass and again: the CPU answers this request and all later ones', TIMEOUT, () =>
  withGpu({}, async ({ open, edit, say, page }) => {
    await open('webgpu')
    await say({ loseNext: 2 })
    const start = Date.now()
    const result = await edit()
    console.log(`# lost twice to answered: ${Date.now() - start} ms`)
    assert.deepEqual(outcomes(result), ['webgpu lost', 'wasm ok'])
    assert.equal(result.receipt.backendWhy, 'lost')
    assert.equal((await page.evaluate(() => window.nf.status)).backend, 'wasm')
    for (const text of ['it was', 'they is']) {
      assert.deepEqual(outcomes(await edit(text)), ['wasm ok'])
    }
    assert.equal((await say({})).devices, 2) // no third device was asked for
  }),
)

test(
  'the drill: a kernel that computes wrongly is replaced, and the receipt says which',
  TIMEOUT,
  () =>
    withGpu(
      { real: true, fast: true, shader: ['part_at(o, b + 3u, nb)', 'part_at(o, b + 4u, nb)'] },
      async ({ open, edit }) => {
        const status = await open('webgpu')
        assert.equal(status.backend, 'webgpu')
        assert.match(status.replacedKernels, /^matmul_vec/)
        const { receipt } = await edit()
        assert.equal(receipt.backend, 'webgpu')
        assert.equal(receipt.replacedKernels, status.replacedKernels)
      },
    ),
)

test('a real GPU is measured in an idle moment; the slower one is not opened again', TIMEOUT, () =>
  withGpu({ real: true }, async ({ open, edit, say, page }) => {
    const first = await open()
    assert.equal(first.backendWhy, 'unmeasured')
    assert.equal((await edit()).receipt.backend, 'wasm')
    await page.waitForFunction(() => window.told.length > 0, null, { timeout: 120_000 })
    const status = await page.evaluate(() => window.nf.status)
    assert.equal(status.backend, 'wasm') // SwiftShader, whatever its adapter says
    assert.equal(status.backendWhy, 'slower')
    assert.match(status.backendReason, /^measured here: GPU .+, CPU .+ for one edit$/)
    assert.equal(status.gpu, 'acme gpu-9000')
    assert.equal((await open()).backendWhy, 'slower')
    assert.equal((await say({})).devices, 0)
  }),
)

test(
  'a GPU that is faster takes over in an idle moment, and is opened at once the next time',
  TIMEOUT,
  () =>
    withGpu({ real: true, slowCpu: true }, async ({ open, edit, say, page }) => {
      assert.equal((await open()).backendWhy, 'unmeasured')
      const first = await edit()
      assert.deepEqual(outcomes(first), ['wasm ok'])
      await page.waitForFunction(() => window.told.length > 0, null, { timeout: 200_000 })
      assert.deepEqual(await told(page), ['ready webgpu faster'])
      const second = await edit('they is')
      assert.equal(second.receipt.backend, 'webgpu')
      assert.equal(second.receipt.backendWhy, 'faster')
      const again = await open()
      assert.equal(again.backendWhy, 'faster')
      assert.equal((await say({})).devices, 1) // no more than this one device
      assert.equal((await edit()).receipt.backend, 'webgpu')
    }),
)
