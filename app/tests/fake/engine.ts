/**
 * A stand-in for the SDK, for tests only: edits come from a function the test gives, and every
 * step waits until the test lets it go.
 */
import type { EditRequest, EditResult, NearfieldApi, Priority, Receipt, Status } from 'nearfield'
import type { Engine, ModelFacts } from '../../src/assist/engine'
import { NOTHING } from '../../src/assist/ledger'
import { captions } from './captions'

export const receipt: Receipt = {
  source: 'device',
  backend: 'wasm',
  backendWhy: 'slower',
  replacedKernels: '',
  model: { id: 'fake', sha256: '' },
  adapter: null,
  adapterProblem: '',
  queueMs: 0,
  firstTokenMs: 1,
  totalMs: 38,
  inputTokens: 20,
  cachedTokens: 0,
  outputTokens: 10,
  passes: 10,
  drafted: 0,
  accepted: 0,
  forced: 0,
  bytesSent: 0,
  costUsd: 0,
  why: 'only_device',
  attempts: [],
}

export const serverReceipt: Receipt = {
  ...receipt,
  source: 'server',
  backend: 'native',
  backendWhy: 'asked',
  totalMs: 412,
  bytesSent: 312,
  why: 'device_absent',
  attempts: [{ source: 'server', backend: 'native', outcome: 'ok', ms: 412 }],
}

export const status: Status = {
  state: 'ready',
  backend: 'wasm',
  backendWhy: 'slower',
  backendReason: 'measured here: GPU 52 ms, CPU 38 ms for one edit',
  gpu: 'acme gpu-9000',
  kernels: 'relaxed SIMD',
  replacedKernels: '',
  threads: 2,
  isolated: true,
  probe: { cores: 2, memoryGb: 8, saveData: false, gpuFeatures: [], gpuBindingBytes: 2 ** 27 },
  model: { id: 'fake-135m', sha256: '', bytes: 98_000_000 },
  cached: true,
  persisted: true,
  adapters: [],
  tasks: [
    { task: 'fix', offered: true, why: '' },
    { task: 'shorten', offered: true, why: '' },
    { task: 'formal', offered: false, why: 'this model gave 2 of 30 usable answers' },
    { task: 'casual', offered: true, why: '' },
    { task: 'simple', offered: false, why: 'this model gave 9 of 30 usable answers' },
    { task: 'rewrite', offered: true, why: '' },
  ],
}

/** more: the versions after the first, when more than one was asked for. */
export function answer(request: EditRequest, text: string, more: string[] = []): EditResult {
  const verdict = text === request.text ? 'unchanged' : 'changed'
  const texts = [text, ...more].slice(0, request.variants ?? 1)
  const variants = texts.map((text) => ({ text, changes: [], why: 'ok' }))
  return { text, verdict, why: 'ok', changes: [], variants, receipt }
}

export const abortError = () => new DOMException('aborted', 'AbortError')

/** Each edit waits for its `finish`; aborting rejects it as the SDK does. */
export class HandEngine implements Engine {
  readonly captions = captions
  readonly asked: {
    request: EditRequest
    finish: (text?: string, more?: string[], told?: Receipt) => void
    fail: (error: Error) => void
  }[] = []
  /** What the last prefetch of each priority asked for. */
  readonly prefetched: Partial<Record<Priority, string[]>> = {}
  facts: ModelFacts = { id: 'fake', bytes: 98_000_000, availability: 'available' }
  opens = 0
  /** The server edits too; null: it is away. */
  server: boolean | null = false
  serverOpens = 0
  sums = NOTHING
  progress: ((loaded: number, total: number) => void) | null = null
  /** Set: open() waits until it is called. */
  finishOpen: ((error?: Error) => void) | null = null
  holdOpen = false

  async model(): Promise<ModelFacts> {
    return this.facts
  }

  /** Set: report() waits for it. */
  reported: Promise<string> = Promise.resolve('# nearfield report\n\nno model')
  report = () => this.reported

  open: Engine['open'] = async ({ onProgress, signal }) => {
    this.opens += 1
    this.progress = (loaded, total) => onProgress?.({ loaded, total, stage: 'download' })
    if (this.holdOpen) {
      await new Promise<void>((resolve, reject) => {
        this.finishOpen = (error) => (error ? reject(error) : resolve())
        signal?.addEventListener('abort', () => reject(abortError()))
      })
    }
    return this.nearfield
  }

  async hasServer(): Promise<boolean | null> {
    return this.server
  }

  /** Its model is absent, and stays so. */
  openServer: Engine['openServer'] = async () => {
    this.serverOpens += 1
    return { ...this.nearfield, status: { ...status, state: 'absent', tasks: [] } }
  }

  readonly nearfield: NearfieldApi = {
    status,
    ledger: () => this.sums,
    close: () => undefined,
    report: async () => '# nearfield report\n\nof the model',
    prefetch: (cues, { priority = 'idle' }) => {
      this.prefetched[priority] = cues.map(({ text }) => text)
    },
    adapter: async () => {
      throw new Error('the app opens no adapter yet')
    },
    variants: () => {
      throw new Error('the app asks edit() for versions')
    },
    edit: (request) =>
      new Promise((resolve, reject) => {
        this.asked.push({
          request,
          finish: (text = request.text.toUpperCase(), more = [], told = receipt) =>
            resolve({ ...answer(request, text, more), receipt: told }),
          fail: reject,
        })
        request.signal?.addEventListener('abort', () => reject(abortError()))
      }),
  }
}
