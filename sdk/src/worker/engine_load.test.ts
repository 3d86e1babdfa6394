/** Loading and editing against scripted answers of the module: what is pending waits for the GPU,
 * and its failure is told in its own words, at whatever call it shows. */
import { beforeEach, expect, test } from 'vitest'
import type { Gpu, GpuFailure } from '../gpu/gpu.ts'
import { status as S } from '../status.gen.ts'
import { Engine } from './engine.ts'
import { EngineLoad } from './engine_load.ts'
import { breathe, type Turn } from './queue.ts'
import { Runtime } from './runtime.ts'

const ENGINE = 0x500
const LOST: GpuFailure = { kind: 'lost', line: 'the GPU device was lost: unplugged' }
const MIB = 2 ** 20

/** A device that has something under way after every call, and settles when it is waited for. */
class FakeGpu {
  failure: GpuFailure | null = null
  readonly failed = new Promise<GpuFailure>(() => {})
  waiting = true
  waits = 0
  closed = false
  async settled() {
    this.waits++
    await breathe()
  }
  refuse(line: string) {
    this.failure ??= { kind: 'unsupported', line }
  }
  close() {
    this.closed = true
  }
}

let memory: WebAssembly.Memory
let calls: string[]
/** Answers to come, by the name of the export; S.ok without one. */
let script: Record<string, number[]>
/** What the file's bytes were, as the module saw them. */
let taken: number[]
/** Where the file's next bytes belong; 0: they go through pieces. */
let place: number
let gpu: FakeGpu
let blocks: number

function runtimeOf(): Runtime {
  let free = 4096
  const answer = (name: string) => {
    calls.push(name)
    const status = script[name]?.shift() ?? S.ok
    if (status === S.lost) gpu.failure = LOST
    return status
  }
  const put = (at: number) => new DataView(memory.buffer).setUint32(at, ENGINE, true)
  const exports = {
    nf_wasm_get: (bytes: number) => {
      blocks++
      free += 64 * Math.ceil(bytes / 64)
      return free - 64 * Math.ceil(bytes / 64)
    },
    nf_wasm_release: () => void blocks--,
    nf_wasm_error: () => 0,
    nf_wasm_load_begin: (
      _bytes: number,
      _threads: number,
      _ctx: number,
      name: number,
      out: number,
    ) => {
      const end = new Uint8Array(memory.buffer).indexOf(0, name)
      calls.push(new TextDecoder().decode(new Uint8Array(memory.buffer).slice(name, end)))
      put(out)
      return answer('begin')
    },
    nf_wasm_load_place: () => place,
    nf_wasm_load_bytes: (_load: number, at: number, length: number) => {
      const status = answer('bytes')
      if (status !== S.pending)
        taken.push(...new Uint8Array(memory.buffer, at, Math.min(length, 2)))
      return status
    },
    nf_wasm_load_finish: (_load: number, out: number) => {
      const status = answer('finish')
      if (status === S.ok) put(out)
      return status
    },
    nf_wasm_load_close: () => void calls.push('close'),
    nf_wasm_session_open: () => answer('session'),
    nf_wasm_session_close: () => void calls.push('session close'),
    nf_wasm_engine_close: () => void calls.push('engine close'),
    nf_wasm_engine_info: () => {},
    nf_wasm_engine_replaced: () => 0,
    nf_wasm_task: () => 0,
    nf_wasm_task_poor: () => 0,
    nf_wasm_edit_begin: () => answer('edit'),
    nf_wasm_edit_step: () => answer('step'),
    nf_wasm_edit_result: (_session: number, row: number) =>
      new Float64Array(memory.buffer, row, 15).fill(0),
  }
  return new Runtime({} as WebAssembly.Module, memory, exports as never, false)
}

const asGpu = () => gpu as unknown as Gpu
const loadOf = (backend: 'webgpu' | 'wasm' = 'webgpu') =>
  new EngineLoad(runtimeOf(), backend === 'webgpu' ? asGpu() : null, {
    backend,
    fileBytes: 9 * MIB,
    threads: 1,
  })
const engineOf = () =>
  new Engine({
    runtime: runtimeOf(),
    address: ENGINE,
    gpu: asGpu(),
    threads: [],
    kept: true,
    identity: '',
  })
const turn: Turn = { pass: async (until) => void (await until) }
const edit = (engine: Engine) => engine.edit({ task: 'fix', text: 'a' }, turn)

beforeEach(() => {
  memory = new WebAssembly.Memory({ initial: 200 })
  calls = []
  script = {}
  taken = []
  blocks = 0
  place = 0
  gpu = new FakeGpu()
})

test('pieces in order, each once; a pending one waits for the GPU and is given again', async () => {
  const load = loadOf()
  script = { bytes: [S.pending, S.pending, S.need_bytes, S.pending, S.need_bytes, S.ok] }
  const bytes = Uint8Array.from({ length: 9 * MIB }, (_, i) => i >> 20)
  bytes[1] = 77
  await load.add(bytes)
  expect(taken).toEqual([0, 77, 4, 4, 8, 8])
  expect(gpu.waits).toBe(3)
  script = { finish: [S.pending, S.pending, S.ok] }
  expect(await load.finish()).toBe(ENGINE)
  expect(gpu.waits).toBe(5)
  load.close()
  expect(calls.slice(0, 2)).toEqual(['webgpu', 'begin'])
  expect(calls.at(-1)).toBe('close')
  expect(blocks).toBe(0)
})

test('on the CPU the best kernels are asked for, and what is pending only breathes', async () => {
  const load = loadOf('wasm')
  script = { bytes: [S.need_bytes], finish: [S.pending, S.ok] }
  await load.add(Uint8Array.of(1))
  expect(await load.finish()).toBe(ENGINE)
  expect(calls[0]).toBe('')
  expect(gpu.waits).toBe(0)
})

test('bytes that have a place in the engine are put there, whole', async () => {
  const load = loadOf('wasm')
  place = 10 * MIB - 3 // beyond what the other blocks take
  await load.add(Uint8Array.of(5, 6, 7))
  expect(taken).toEqual([5, 6])
  expect([...new Uint8Array(memory.buffer, place, 3)]).toEqual([5, 6, 7])
  expect(calls.filter((name) => name === 'bytes')).toHaveLength(1)
  load.close()
  expect(blocks).toBe(0)
})

const lost = { code: 'lost', message: LOST.line }

test.each([
  ['before a chunk', [] as number[]],
  ['while a chunk waits', [S.pending, S.pending, S.pending]],
  ['as the answer to it', [S.lost]],
])('lost in load, %s', async (_, bytes) => {
  const load = loadOf()
  script = { bytes }
  if (bytes.length === 0) gpu.failure = LOST
  const adding = load.add(Uint8Array.of(1))
  if (bytes.length > 1) gpu.failure = LOST
  await expect(adding).rejects.toMatchObject(lost)
  await expect(load.finish()).rejects.toMatchObject(lost)
  load.close()
  expect(blocks).toBe(0)
})

test('lost in an edit: before it, at its begin, in a step, while it waits', async () => {
  const engine = engineOf()
  expect(engine.facts.backend).toBe('webgpu')
  script = { step: [S.pending, S.pending, S.ok] }
  await expect(edit(engine)).resolves.toMatchObject({ receipt: { backend: 'webgpu' } })
  expect(gpu.waits).toBe(2)
  for (const at of ['edit', 'step']) {
    gpu.failure = null
    script = { [at]: at === 'step' ? [S.pending, S.lost] : [S.lost] }
    await expect(edit(engine)).rejects.toMatchObject(lost)
  }
  calls = []
  await expect(edit(engine)).rejects.toMatchObject(lost)
  expect(calls).toEqual([]) // nothing is asked of an engine whose device is gone
  expect(engine.failure).toBe(LOST)
  engine.close()
  expect(gpu.closed).toBe(true)
  expect(blocks).toBe(0)
})

test('a request that is refused is no failure of the GPU', async () => {
  const engine = engineOf()
  script = { edit: [S.unsupported] }
  await expect(edit(engine)).rejects.toMatchObject({ code: 'unsupported' })
  expect(engine.failure).toBe(null)
  // what was begun, though, lacks a kernel, and will lack it again
  script = { step: [S.pending, S.unsupported] }
  await expect(edit(engine)).rejects.toMatchObject({ code: 'unsupported' })
  expect(engine.failure).toMatchObject({ kind: 'unsupported' })
  gpu.failure = null
  engine.close()
  expect(calls.slice(-2)).toEqual(['session close', 'engine close'])
})
