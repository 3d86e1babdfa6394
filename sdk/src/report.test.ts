/** A report of a page in every state, read as whoever gets it would. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NearfieldError } from './error.ts'
import type { Noted } from './journal.ts'
import { report } from './report.ts'
import { ServerError } from './server/error.ts'
import { FakeOpfs } from './testing/fake_opfs.ts'
import type { Receipt, Status } from './types.ts'

const SHA256 = 'ab'.repeat(32)
const status: Status = {
  state: 'ready',
  backend: 'wasm',
  backendWhy: 'slower',
  backendReason: 'measured here: GPU 200 ms, CPU 120 ms for one edit',
  gpu: 'acme gpu-9000',
  kernels: 'relaxed-simd',
  replacedKernels: '',
  threads: 4,
  isolated: true,
  probe: {
    cores: 4,
    memoryGb: 8,
    saveData: false,
    gpuFeatures: ['shader-f16'],
    gpuBindingBytes: 2 ** 27,
  },
  model: { id: 'tiny', sha256: SHA256, bytes: 3 * 2 ** 20 },
  cached: true,
  persisted: false,
  adapters: [{ sha256: 'cd', name: 'fix-1', task: 'fix', bytes: 2 ** 20 }],
  tasks: [
    { task: 'fix', offered: true, why: '' },
    { task: 'rewrite', offered: false, why: 'of 100 words 15' },
  ],
}
const receipt = {
  source: 'device',
  backend: 'wasm',
  queueMs: 3.14,
  firstTokenMs: 20,
  totalMs: 38.4,
  inputTokens: 30,
  cachedTokens: 21,
  outputTokens: 5,
  passes: 2,
  drafted: 4,
  accepted: 3,
  attempts: [
    { source: 'device', backend: 'webgpu', outcome: 'lost', ms: 120 },
    { source: 'device', backend: 'wasm', outcome: 'ok', ms: 38.4 },
  ],
} as unknown as Receipt
const at = Date.UTC(2026, 11, 1, 12)
const noted = (call: Noted['call'], ended: unknown): Noted => ({ at, call, ended })

const info = { vendor: 'acme', architecture: 'gpu-9000', device: '', description: '' }
const adapter = {
  info: { ...info, subgroupMinSize: 32, subgroupMaxSize: 32 },
  features: new Set(['subgroups']),
  limits: { maxBufferSize: 268435456, maxStorageBufferBindingSize: 134217728 },
}
let opfs: FakeOpfs
let browser: Record<string, unknown>
beforeEach(() => {
  opfs = new FakeOpfs()
  browser = {
    userAgent: 'Mozilla/5.0 Chrome/140.0.0.0',
    userAgentData: { brands: [{ brand: 'Chromium', version: '140' }], platform: 'Linux' },
    hardwareConcurrency: 4,
    deviceMemory: 8,
    connection: { saveData: true, effectiveType: '4g' },
    getBattery: async () => ({ charging: false, level: 0.4 }),
    gpu: { requestAdapter: async () => adapter },
    locks: {},
    storage: {
      getDirectory: async () => opfs.directory(),
      estimate: async () => ({ usage: 2 ** 20, quota: 2 ** 30 }),
      persisted: async () => false,
    },
  }
  vi.stubGlobal('navigator', browser)
  vi.stubGlobal('crossOriginIsolated', true)
})
afterEach(() => vi.unstubAllGlobals())

test('an open model: everything that decides where it runs', async () => {
  opfs.files.set(`nearfield/models/${SHA256}/file`, new Uint8Array(2 ** 20))
  opfs.files.set(
    `nearfield/models/${SHA256}/chunks`,
    Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  )
  const text = await report([noted('open', null), noted('edit', receipt)], status)
  for (const line of [
    /^# nearfield report\n\n\d{4}-\S+Z, nearfield \d+\.\d+\.\d+\n/,
    /^- user agent: Mozilla\/5\.0 Chrome\/140\.0\.0\.0$/m,
    /^- brands: Chromium 140$/m,
    /^- cores: 4$/m,
    /^- memory: 8 GB/m,
    /^- power: battery, 40 %$/m,
    /^- save data: yes$/m,
    /^- cross-origin isolated: yes$/m,
    /^- relaxed simd: (yes|no)$/m,
    /^- threads: yes$/m,
    /^- vendor: acme$/m,
    /^- features: no shader-f16, subgroups$/m,
    /^- maxStorageBufferBindingSize: 134217728$/m,
    /^- used: 1\.0 MiB of 1024\.0 MiB$/m,
    /^- model abababababab: 1\.0 MiB, 2 chunks whole$/m,
    /^- model: tiny, 3\.0 MiB$/m,
    new RegExp(`^- sha256: ${SHA256}$`, 'm'),
    /^- backend: wasm \(slower\): measured here: GPU 200 ms, CPU 120 ms for one edit$/m,
    /^- its features: shader-f16$/m,
    /^- replaced kernels: none$/m,
    /^- adapters: fix-1 \(fix, 1\.0 MiB\)$/m,
    /^- tasks: fix$/m,
    /^- not offered: rewrite$/m,
    /^- 12:00:00\.000 open: ok$/m,
    /edit: device wasm, 38 ms \(queue 3\.1 ms, first 20 ms\), tokens in 30 \(21 cached\), out 5, 2 passes, drafted 3 of 4; tried webgpu lost 120 ms, wasm ok 38 ms$/m,
  ])
    expect(text).toMatch(line)
})

test('no model, and why: open() failed', async () => {
  const failed = new NearfieldError(
    'network',
    'https://h/m/manifest.json?key=abc: the server answered 404',
  )
  const text = await report([noted('open', failed)], null)
  expect(text).toMatch(/^- model: none is open$/m)
  expect(text).toMatch(/open: network: https:\/\/h\/m\/manifest\.json\?… the server answered 404$/m)
  expect(await report([], null)).toMatch(/^- calls: none yet$/m)
})

test('a bare browser, and one whose answers never come', async () => {
  vi.stubGlobal('navigator', { userAgent: 'x' })
  vi.stubGlobal('crossOriginIsolated', undefined)
  const bare = await report([], null)
  expect(bare).toMatch(/^- adapter: failed: NearfieldError: this browser has no WebGPU$/m)
  expect(bare).toMatch(/^- storage: none: the page is not secure$/m)
  expect(bare).toMatch(/^- threads: no: the page is not cross-origin isolated$/m)
  const never = () => new Promise<never>(() => {})
  const refuses = () => Promise.reject(new DOMException('not here', 'SecurityError'))
  vi.stubGlobal('navigator', {
    ...browser,
    gpu: { requestAdapter: never },
    getBattery: never,
    storage: { getDirectory: refuses, estimate: never, persisted: never },
  })
  vi.useFakeTimers()
  const waiting = report([], null)
  await vi.advanceTimersByTimeAsync(4000)
  const hung = await waiting
  vi.useRealTimers()
  expect(hung).toMatch(/^- adapter: no answer within 2 s$/m)
  expect(hung).toMatch(/^- power: no answer within 2 s$/m)
  expect(hung).toMatch(/^- private file system: failed: SecurityError: not here$/m)
})

test('no text that was edited: of an error what cannot hold one', async () => {
  const secret = 'their going too the libary'
  const calls = [
    noted('edit', new NearfieldError('bad_input', `there is no task for '${secret}'`)),
    noted('edit', new NearfieldError('unsupported', secret)),
    noted('edit', new NearfieldError('lost', "the engine's worker ended: unreachable")),
    noted('edit', new ServerError('busy', secret)),
    noted('generate', new DOMException(secret, 'AbortError')),
    noted('generate', new Error(secret)),
    noted('edit', secret),
    noted('edit', { reason: secret }),
    noted('edit', { ...receipt, text: secret }),
  ]
  const text = await report(calls, status)
  expect(text).not.toContain('libary')
  expect(text).toMatch(/edit: bad_input$/m)
  expect(text).toMatch(/edit: lost: the engine's worker ended: unreachable$/m)
  expect(text).toMatch(/edit: network$/m)
  expect(text).toMatch(/generate: AbortError$/m)
  expect(text.match(/edit: ended by its signal$/gm)).toHaveLength(2)
})
