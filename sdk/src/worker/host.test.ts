/** Which engine answers, with fake ones: every fault of a GPU at every point, and the choice. */
import { beforeEach, expect, test, vi } from 'vitest'
import { NearfieldError } from '../error.ts'
import type { GpuFailure } from '../gpu/gpu.ts'
import type { Backend } from '../types.ts'
import type { Chosen, Offer } from './backend.ts'
import type { EngineResult, EngineText } from './engine.ts'
import { Host, type HostedEngine, type Ways } from './host.ts'
import { breathe, type Turn } from './queue.ts'

const REAL: Offer = { name: 'nvidia hopper', software: false }
const SOFTWARE: Offer = { name: 'google swiftshader', software: true }
const NONE = new NearfieldError('unsupported', 'this browser has no WebGPU')
const PASSES = 4

/** An engine whose every pass takes a turn; its GPU fails when it is told to. */
class FakeEngine implements HostedEngine {
  readonly facts
  readonly kept = true
  readonly failed: HostedEngine['failed'] = null
  failure: GpuFailure | null = null
  closed = false
  passes = 0
  /** Called before each pass. */
  onPass: (pass: number) => void = () => {}
  #tell: (failure: GpuFailure) => void = () => {}
  msPerEdit: number

  constructor(backend: Backend, msPerEdit: number) {
    this.facts = {
      backend,
      kernels: backend,
      replacedKernels: '',
      threads: 1,
      tasks: [],
      contextTokens: 64,
    }
    this.msPerEdit = msPerEdit
    if (backend === 'webgpu') {
      this.failed = new Promise((resolve) => {
        this.#tell = resolve
      })
    }
  }
  fail(kind: GpuFailure['kind'], line = `the GPU: ${kind}`): void {
    this.failure = { kind, line }
    this.#tell(this.failure)
  }
  async #pass(pass: number, turn: Turn): Promise<void> {
    this.onPass(pass)
    this.passes++
    if (this.failure) throw new NearfieldError(this.failure.kind, this.failure.line)
    await turn.pass(breathe())
  }
  async edit({ text }: { text: string }, turn: Turn): Promise<EngineResult> {
    if (this.closed && !this.failure) throw new Error('an engine was used after close()')
    for (let pass = 0; pass < PASSES; pass++) await this.#pass(pass, turn)
    const { backend } = this.facts
    const tokens = { inputTokens: 20, cachedTokens: 12, drafted: 1, outputTokens: 1, passes: 2 }
    const receipt = { source: 'device', backend, totalMs: this.msPerEdit, ...tokens }
    return { text: text.toUpperCase(), receipt } as unknown as EngineResult
  }
  /** What generate() says, one word a pass. */
  words = ['one ', 'two ', 'three']
  async generate(
    { messages }: { messages: readonly { content: string }[] },
    turn: Turn,
    onPiece: (piece: string) => void,
  ): Promise<EngineText> {
    const said = [...this.words, ` ${messages[0]!.content}`]
    for (const [pass, word] of said.entries()) {
      onPiece(word)
      await this.#pass(pass, turn)
    }
    const { backend } = this.facts
    const receipt = { source: 'device', backend, totalMs: this.msPerEdit }
    return { text: said.join(''), end: 'model', receipt } as unknown as EngineText
  }
  tokens = (messages: unknown[]) => 3 * messages.length
  adapter = () => ({ sha256: 's', name: 'n', task: null, bytes: 1 })
  unkept = false
  takeUnkept = () => []
  bench = async () => ({ decodeTokS: 1, rows32TokS: 1, prefillMs: 1 })
  close(): void {
    this.closed = true
  }
}

let engines: FakeEngine[]
let told: string[]
let keptChoices: Map<string, Chosen>
let offer: Offer
let msOf: Record<Backend, number>
/** What the n-th open of a backend does instead of opening. */
let openFaults: Record<Backend, (Error | undefined)[]>
let host: Host

beforeEach(() => {
  engines = []
  told = []
  keptChoices = new Map()
  offer = REAL
  msOf = { webgpu: 9, wasm: 120 }
  openFaults = { webgpu: [], wasm: [] }
})

const ways: Ways = {
  model: { id: 'm', sha256: 's' },
  offer: async () => offer,
  async open(backend) {
    await breathe()
    const fault = openFaults[backend].shift()
    if (fault) throw fault
    const engine = new FakeEngine(backend, msOf[backend])
    engines.push(engine)
    return engine
  },
  keptChoice: async (adapter) => keptChoices.get(adapter) ?? null,
  keepChoice: async (adapter, chosen) => void keptChoices.set(adapter, chosen),
  changed: () => {
    const { state, backend, backendWhy } = host.where()
    told.push(`${state} ${backend} ${backendWhy}`)
  },
}

const context = { signal: new AbortController().signal, progress: () => {} }
async function open(asked: 'auto' | Backend) {
  host = new Host(ways)
  await host.open(asked, context)
}
const edit = (text = 'a', signal = new AbortController().signal, priority?: 'idle') =>
  host.edit({ task: 'fix', text, ...(priority && { priority }) }, signal, 0)
const opens = () => engines.map(({ facts }) => facts.backend)
const failure = (code: 'lost' | 'no_memory' | 'unsupported') => new NearfieldError(code, code)
async function rest() {
  for (let i = 0; i < 100; i++) await breathe()
}

test.each<[string, Offer, 'auto' | Backend, string, string]>([
  ['asked for the CPU', REAL, 'wasm', 'wasm', 'asked'],
  ['no GPU', NONE, 'auto', 'wasm', 'no_webgpu'],
  ['a GPU of software', SOFTWARE, 'auto', 'wasm', 'software_adapter'],
  ['asked for a GPU of software', SOFTWARE, 'webgpu', 'webgpu', 'asked'],
  ['asked for the GPU', REAL, 'webgpu', 'webgpu', 'asked'],
])('%s', async (_, given, asked, backend, why) => {
  offer = given
  await open(asked)
  expect(host.where()).toMatchObject({ state: 'ready', backend, backendWhy: why })
  const { receipt, text } = await edit('hello')
  expect(text).toBe('HELLO')
  expect(receipt).toMatchObject({ backend, backendWhy: why, model: { id: 'm', sha256: 's' } })
  expect(receipt.attempts).toEqual([
    { source: 'device', backend, outcome: 'ok', ms: receipt.totalMs },
  ])
  await rest()
  expect(opens()).toEqual([backend]) // nothing is measured
  expect(told).toEqual([])
})

test('asked for the GPU where there is none: no silent CPU', async () => {
  offer = NONE
  await expect(open('webgpu')).rejects.toMatchObject({ code: 'unsupported' })
  offer = REAL
  openFaults.webgpu = [failure('unsupported')]
  await expect(open('webgpu')).rejects.toMatchObject({ code: 'unsupported' })
  expect(opens()).toEqual([])
})

test.each([
  ['faster', 9, 'webgpu'],
  ['slower', 200, 'wasm'],
] as const)('a GPU that is %s: measured once in idle time, kept', async (why, ms, backend) => {
  msOf.webgpu = ms
  await open('auto')
  expect(host.where()).toMatchObject({ backend: 'wasm', backendWhy: 'unmeasured' })
  await rest()
  expect(opens()).toEqual(['wasm', 'webgpu'])
  expect(host.where()).toMatchObject({ backend, backendWhy: why })
  expect(host.where().backendReason).toMatch(/GPU (9.0|200) ms, CPU 120 ms/)
  expect(told).toEqual([`ready ${backend} ${why}`])
  expect(engines.map(({ closed }) => closed)).toEqual([backend === 'webgpu', backend === 'wasm'])
  expect((await edit()).receipt).toMatchObject({ backend, backendWhy: why })

  engines = []
  await open('auto')
  await rest()
  expect(opens()).toEqual([backend]) // not measured again
  expect(host.where()).toMatchObject({ backend, backendWhy: why })
})

test('a GPU that is far slower is not waited for', async () => {
  await open('auto')
  const now = vi.spyOn(performance, 'now')
  let clock = 0
  now.mockImplementation(() => clock)
  const fake = vi.spyOn(ways, 'open').mockImplementation(async (backend) => {
    const engine = new FakeEngine(backend, 10_000)
    engine.onPass = () => {
      clock += 1000
    }
    engines.push(engine)
    return engine
  })
  await rest()
  fake.mockRestore()
  now.mockRestore()
  expect(host.where()).toMatchObject({ backend: 'wasm', backendWhy: 'slower' })
  expect(host.where().backendReason).toMatch(/GPU far more, CPU 120 ms/)
  expect(engines[1]!.passes).toBeLessThan(PASSES)
})

test('measuring is in nobody’s way: an edit overtakes it, and runs on what is there', async () => {
  await open('auto')
  const order: string[] = []
  const first = edit().then((r) => order.push(`edit on ${r.receipt.backend}`))
  await first
  await rest()
  order.push(host.where().backend)
  expect(order).toEqual(['edit on wasm', 'webgpu'])
  expect(engines[0]!.passes).toBeGreaterThan(3 * PASSES - 1)
})

test.each([
  ['unsupported', 'refused', true],
  ['no_memory', 'no_memory', false],
] as const)('a GPU that cannot be opened, %s: the CPU, and why', async (code, why, kept) => {
  openFaults.webgpu = [failure(code)]
  await open('auto')
  await rest()
  expect(host.where()).toMatchObject({ backend: 'wasm', backendWhy: why, backendReason: code })
  expect(keptChoices.has('nvidia hopper')).toBe(kept) // room may be there the next time
  expect(engines[0]!.closed).toBe(false)
})

const chosenGpu: Chosen = {
  backend: 'webgpu',
  why: 'faster',
  reason: 'measured',
  at: Date.now(),
}

test('lost in load, once: opened again; twice: the CPU', async () => {
  keptChoices.set('nvidia hopper', chosenGpu)
  openFaults.webgpu = [failure('lost')]
  await open('auto')
  expect(host.where()).toMatchObject({ backend: 'webgpu', backendWhy: 'faster' })
  openFaults.webgpu = [failure('lost'), failure('lost')]
  await open('auto')
  expect(host.where()).toMatchObject({ backend: 'wasm', backendWhy: 'lost' })
  expect((await edit('x')).text).toBe('X')
  expect(keptChoices.get('nvidia hopper')).toMatchObject({ why: 'lost' })
  openFaults.webgpu = [failure('lost'), failure('lost')]
  await expect(open('webgpu')).rejects.toMatchObject({ code: 'lost' })
})

test('what is no fault of the GPU is told, not tried on the CPU', async () => {
  keptChoices.set('nvidia hopper', chosenGpu)
  for (const code of ['network', 'bad_input'] as const) {
    openFaults.webgpu = [new NearfieldError(code, 'x')]
    await expect(open('auto')).rejects.toMatchObject({ code })
  }
  expect(opens()).toEqual([])
})

test('lost in a pass: opened again, the running request and those behind it are answered', async () => {
  for (let at = 0; at < PASSES; at++) {
    engines = []
    told = []
    await open('webgpu')
    engines[0]!.onPass = (pass) => {
      if (pass === at) engines[0]!.fail('lost')
    }
    const all = await Promise.all(['a', 'b', 'c'].map((text) => edit(text)))
    expect(all.map(({ text }) => text)).toEqual(['A', 'B', 'C'])
    expect(all.map(({ receipt }) => receipt.attempts.map(({ outcome }) => outcome))).toEqual([
      ['lost', 'ok'],
      ['ok'],
      ['ok'],
    ])
    expect(opens()).toEqual(['webgpu', 'webgpu'])
    expect(engines[0]!.closed).toBe(true)
    expect(told).toEqual(['loading webgpu asked', 'ready webgpu asked'])
  }
})

test('lost between passes and between requests: opened again before anybody asks', async () => {
  await open('webgpu')
  engines[0]!.fail('lost')
  await rest()
  expect(opens()).toEqual(['webgpu', 'webgpu'])
  const { receipt } = await edit()
  expect(receipt.attempts).toHaveLength(1)
  const running = edit('b')
  engines[1]!.fail('lost') // soon after the first one
  await expect(running).resolves.toMatchObject({ text: 'B' })
  expect(opens()).toEqual(['webgpu', 'webgpu', 'wasm'])
})

test('lost twice in one request: the CPU answers it, and the receipt tells all three', async () => {
  await open('webgpu')
  const failing = vi.spyOn(ways, 'open').mockImplementation(async (backend) => {
    const engine = new FakeEngine(backend, msOf[backend])
    if (backend === 'webgpu') engine.onPass = () => engine.fail('lost')
    engines.push(engine)
    return engine
  })
  engines[0]!.onPass = () => engines[0]!.fail('lost')
  const { text, receipt } = await edit('hello')
  failing.mockRestore()
  expect(text).toBe('HELLO')
  expect(receipt).toMatchObject({ backend: 'wasm', backendWhy: 'lost' })
  expect(receipt.attempts.map((a) => [a.backend, a.outcome])).toEqual([
    ['webgpu', 'lost'],
    ['webgpu', 'lost'],
    ['wasm', 'ok'],
  ])
  for (let i = 0; i < 20; i++) await edit() // no retry loop
  expect(opens()).toEqual(['webgpu', 'webgpu', 'wasm'])
  expect(host.where().backendReason).toBe('the GPU: lost')
})

test.each([
  ['unsupported', 'refused'],
  ['no_memory', 'no_memory'],
] as const)(
  '%s in a pass: the CPU answers at once, no other device is tried',
  async (kind, why) => {
    await open('webgpu')
    engines[0]!.onPass = (pass) => {
      if (pass === 1) engines[0]!.fail(kind)
    }
    const { text, receipt } = await edit('hello')
    expect(text).toBe('HELLO')
    expect(receipt).toMatchObject({ backend: 'wasm', backendWhy: why })
    expect(receipt.attempts.map((a) => [a.backend, a.outcome])).toEqual([
      ['webgpu', why],
      ['wasm', 'ok'],
    ])
    expect(opens()).toEqual(['webgpu', 'wasm'])
  },
)

test('a device may be lost again after a long time: each is opened again once', async () => {
  const now = vi.spyOn(performance, 'now')
  await open('webgpu')
  for (let i = 0; i < 5; i++) {
    now.mockReturnValue((i + 1) * 3600_000)
    engines.at(-1)!.fail('lost')
    await rest()
  }
  now.mockRestore()
  expect(opens()).toEqual(new Array(6).fill('webgpu'))
})

test.each(['no_memory', 'unsupported'] as const)('%s in a pass: the CPU at once', async (kind) => {
  await open('webgpu')
  engines[0]!.onPass = () => engines[0]!.fail(kind)
  const { receipt, text } = await edit('b')
  const why = kind === 'unsupported' ? 'refused' : kind
  expect(text).toBe('B')
  expect(receipt).toMatchObject({ backend: 'wasm', backendWhy: why })
  expect(receipt.attempts.map(({ outcome }) => outcome)).toEqual([why, 'ok'])
})

test('cancelled while the device is being replaced: rejected at once, the next one is answered', async () => {
  await open('webgpu')
  const abort = new AbortController()
  engines[0]!.onPass = () => {
    engines[0]!.fail('lost')
    abort.abort()
  }
  await expect(edit('a', abort.signal)).rejects.toMatchObject({ name: 'AbortError' })
  await expect(edit('b')).resolves.toMatchObject({ text: 'B' })
})

test('nothing can be opened: the error is told, and the next request tries anew', async () => {
  await open('webgpu')
  openFaults.webgpu = [new NearfieldError('network', 'offline')]
  engines[0]!.fail('lost')
  await expect(edit()).rejects.toMatchObject({ code: 'network' })
  expect(host.where().state).toBe('lost')
  await expect(edit('b')).resolves.toMatchObject({ text: 'B' })
})

test('an edit that is refused for itself stays refused: no other backend is tried', async () => {
  await open('webgpu')
  vi.spyOn(engines[0]!, 'edit').mockRejectedValue(new NearfieldError('unsupported', 'no such task'))
  await expect(edit()).rejects.toMatchObject({ message: 'no such task' })
  expect(opens()).toEqual(['webgpu'])
})

const say = (text: string, signal = new AbortController().signal, priority?: 'idle') => {
  const heard: string[] = []
  const request = {
    messages: [{ role: 'user' as const, content: text }],
    ...(priority && { priority }),
  }
  const result = host.generate(request, signal, 0, (piece) => heard.push(piece))
  return { heard, result }
}

test('a text that gives way to an edit begins again, and no piece is heard twice', async () => {
  await open('wasm')
  const { heard, result } = say('a', undefined, 'idle')
  engines[0]!.onPass = (pass) => {
    engines[0]!.onPass = () => {}
    if (pass === 0) void edit('b')
  }
  const { text, receipt } = await result
  expect(text).toBe('one two three a')
  expect(heard).toEqual(['one ', 'two ', 'three', ' a'])
  expect(engines[0]!.passes).toBe(1 + PASSES + 4)
  expect(receipt).toMatchObject({ backend: 'wasm', backendWhy: 'asked', attempts: [{}] })
})

test('a text goes on where its GPU was lost; one that would differ ends with an error', async () => {
  await open('webgpu')
  engines[0]!.onPass = (pass) => {
    if (pass === 1) engines[0]!.fail('lost')
  }
  const { heard, result } = say('a')
  const { receipt } = await result
  expect(heard.join('')).toBe('one two three a')
  expect(receipt.attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'ok'])
  await open('webgpu')
  const first = engines.at(-1)!
  first.words = ['eins ']
  first.onPass = () => first.fail('lost')
  const other = say('a')
  await expect(other.result).rejects.toMatchObject({
    message: expect.stringMatching(/differently/),
  })
  expect(other.heard).toEqual(['eins '])
})

test('tokens are counted while a text is being written', async () => {
  await open('wasm')
  const { heard, result } = say('a')
  const message = { role: 'user' as const, content: 'x' }
  const { signal } = new AbortController()
  await expect(host.tokens([message, message], signal)).resolves.toEqual({ tokens: 6, context: 64 })
  expect(heard.length).toBeLessThan(4)
  await result
})

test('a choice is kept with its date and measure; an old one is not trusted', async () => {
  await open('auto')
  await rest()
  const kept = keptChoices.get('nvidia hopper')!
  expect(kept).toMatchObject({ backend: 'webgpu', why: 'faster', msPerToken: 0.9 })
  expect(Math.abs(Date.now() - kept.at!)).toBeLessThan(60_000)
  keptChoices.set('nvidia hopper', { ...kept, at: Date.now() - 31 * 24 * 3600_000 })
  await open('auto')
  expect(host.where().backendWhy).toBe('unmeasured')
  await rest()
  expect(host.where().backendWhy).toBe('faster')
})

test.each([
  ['webgpu', 'the GPU became slow', 9, 500, 'wasm'],
  ['wasm', 'the CPU became slow', 200, 900, 'webgpu'],
  ['webgpu', 'both became slow', 9, 30, 'webgpu'],
] as const)(
  'on %s, %s: measured again, once, and kept',
  async (before, _, gpuMs, slowMs, after) => {
    msOf.webgpu = gpuMs
    await open('auto')
    await rest()
    expect(host.where().backend).toBe(before)
    const now = vi.spyOn(performance, 'now')
    now.mockReturnValue(performance.now() + 11 * 60_000) // a while later
    engines.find(({ closed }) => !closed)!.msPerEdit = slowMs
    const n = engines.length
    for (let i = 0; i < 7; i++) await edit()
    await rest()
    expect(engines).toHaveLength(n) // not of so few
    await edit()
    await rest()
    expect(engines).toHaveLength(n + 1)
    expect(host.where()).toMatchObject({ state: 'ready', backend: after })
    expect(host.where().backendReason).toMatch(new RegExp(`\\b${slowMs} ms`))
    expect(engines.filter(({ closed }) => !closed)).toHaveLength(1)
    expect(keptChoices.get('nvidia hopper')?.backend).toBe(after)
    expect((await edit('x')).receipt.backend).toBe(after)
    for (let i = 0; i < 20; i++) await edit()
    await rest()
    expect(engines).toHaveLength(n + 1) // what was found is the measure now
    now.mockRestore()
  },
)

test('slow at once after it was measured: not measured again before ten minutes', async () => {
  await open('auto')
  await rest()
  engines[1]!.msPerEdit = 900
  for (let i = 0; i < 20; i++) await edit()
  await rest()
  expect(opens()).toEqual(['wasm', 'webgpu'])
})

test('lost while it is measured against the CPU: what the loss led to stays', async () => {
  await open('auto')
  await rest()
  const now = vi.spyOn(performance, 'now')
  now.mockReturnValue(performance.now() + 11 * 60_000)
  const gpu = engines[1]!
  gpu.msPerEdit = 900
  for (let i = 0; i < 8; i++) await edit()
  for (let i = 0; i < 100 && engines.length < 3; i++) await breathe()
  gpu.fail('lost')
  await rest()
  now.mockRestore()
  expect(host.where()).toMatchObject({ state: 'ready', backend: 'webgpu', backendWhy: 'faster' })
  expect(opens()).toEqual(['wasm', 'webgpu', 'wasm', 'webgpu'])
  expect(engines.map(({ closed }) => closed)).toEqual([true, true, true, false])
})

test('asked for: never measured, however slow it becomes', async () => {
  await open('webgpu')
  engines[0]!.msPerEdit = 9000
  for (let i = 0; i < 20; i++) await edit()
  await rest()
  expect(opens()).toEqual(['webgpu'])
})

test.each(['unmeasured', 'slower'] as const)(
  'no room on the CPU, %s: the GPU runs, and the next time the CPU is tried again',
  async (why) => {
    if (why === 'slower')
      keptChoices.set('nvidia hopper', { backend: 'wasm', why, reason: '', at: Date.now() })
    openFaults.wasm = [failure('no_memory')]
    await open('auto')
    await rest()
    expect(opens()).toEqual(['webgpu'])
    const where = { backend: 'webgpu', backendWhy: 'no_memory', backendReason: 'no_memory' }
    expect(host.where()).toMatchObject(where)
    expect((await edit('x')).receipt).toMatchObject({ backend: 'webgpu', backendWhy: 'no_memory' })
    expect(keptChoices.get('nvidia hopper')?.why).toBe(why === 'slower' ? why : undefined)
    await open('auto')
    expect(host.where()).toMatchObject({ backend: 'wasm', backendWhy: why })
    await rest()
  },
)

test('no room on the CPU and no other way: told', async () => {
  for (const given of [NONE, SOFTWARE]) {
    offer = given
    openFaults.wasm = [failure('no_memory')]
    await expect(open('auto')).rejects.toMatchObject({ code: 'no_memory' })
  }
  offer = REAL
  openFaults.wasm = [failure('no_memory'), failure('no_memory')]
  await expect(open('wasm')).rejects.toMatchObject({ code: 'no_memory' })
  openFaults.webgpu = [failure('unsupported')]
  await expect(open('auto')).rejects.toMatchObject({ code: 'unsupported' })
  expect(opens()).toEqual([])
})
