/**
 * The module 'nearfield' of the test build that browser tests of the app alone drive
 * (tests/browser/app/vite.fake.config.ts). Never part of app/dist: that build has no alias.
 */
import type {
  EditRequest,
  EditResult,
  LedgerSums,
  NearfieldApi,
  OpenOptions,
  Receipt,
  Status,
  Variant,
} from 'nearfield'
import { NOTHING } from '../../src/assist/ledger'
import { abortError, answer, serverReceipt, status } from './engine'

export { packCues, unpackCues } from '../../../sdk/src/pack'
export { captions } from './captions'

const RULES: [RegExp, string][] = [
  [/\bme and Dana starts\b/, 'Dana and I started'],
  [/\bdidn't knew\b/, "didn't know"],
  [/\bbees doesn't\b/, "bees don't"],
  [/\byou're (plans|table)\b/, 'your $1'],
  [/\bIts louder then\b/, "It's louder than"],
  [/\bThere was about\b/, 'There were about'],
  [/\bShe said she look\b/, 'She said she looks'],
  [/\btrick are\b/, 'trick is'],
  [/\bdo a bee\b/, 'does a bee'],
  [/\bfor a a\b/, 'for a'],
]

const wait = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(abortError())
    })
  })

const routed = (receipt: Receipt, mode: EditRequest['mode']): Receipt => ({
  ...receipt,
  why: mode === 'only_on_device' ? mode : 'device_preferred',
  attempts: [{ source: 'device', backend: 'wasm', outcome: 'ok', ms: receipt.totalMs }],
})

export class Nearfield implements NearfieldApi {
  status: Status = status
  #sums = structuredClone(NOTHING)
  static stored = false

  static async models() {
    return [{ name: 'smollm2-135m-instruct.q4_1', bytes: 98_000_000 }]
  }

  static async availability() {
    return Nearfield.stored ? ('available' as const) : ('downloadable' as const)
  }

  /** With a server: at once, and the model comes behind it unless its download is not wanted. */
  static async open({ server, consent, ...options }: OpenOptions): Promise<Nearfield> {
    const nearfield = new Nearfield()
    if (!server) {
      await Nearfield.#load(options)
      return nearfield
    }
    const tell = (state: Status['state']) => {
      nearfield.status = { ...status, state, tasks: state === 'ready' ? status.tasks : [] }
      options.onStatus?.(nearfield.status)
    }
    tell('loading')
    await wait(1)
    const need = { bytes: 98_000_000, total: 98_000_000, saveData: false }
    if (consent && !(await consent(need))) tell('absent')
    else {
      Nearfield.#load(options).then(
        () => tell('ready'),
        () => tell('absent'),
      )
    }
    return nearfield
  }

  static async #load({ onProgress, signal }: Omit<OpenOptions, 'server'>): Promise<void> {
    signal?.throwIfAborted()
    const total = 98_000_000
    for (let step = 0; step <= 20; step += 1) {
      onProgress?.({ loaded: (total * step) / 20, total, stage: 'download' })
      await wait(20, signal)
    }
    Nearfield.stored = true
  }

  async edit(request: EditRequest): Promise<EditResult> {
    const here = this.status.state === 'ready' && request.mode !== 'prefer_in_cloud'
    await wait(here ? 40 : 120, request.signal)
    const result = this.#answer(request)
    if (here) {
      this.#sums.device.edits += 1
      this.#sums.device.ms += 38
      return request.mode ? { ...result, receipt: routed(result.receipt, request.mode) } : result
    }
    this.#sums.server.edits += 1
    this.#sums.server.requests += 1
    this.#sums.server.ms += serverReceipt.totalMs
    this.#sums.server.bytesSent += serverReceipt.bytesSent
    return { ...result, receipt: serverReceipt }
  }

  ledger(): LedgerSums {
    return structuredClone(this.#sums)
  }

  #answer(request: EditRequest): EditResult {
    const { text, maxChars } = request
    if (maxChars) {
      const short = text.split(' ').slice(0, -1).join(' ')
      return answer(request, short || text)
    }
    if (request.task === 'casual' || request.task === 'rewrite') {
      return answer(request, `Well, ${text}`, [`So, ${text}`, text.replace(/[.!]$/, ', right?')])
    }
    const fixed = RULES.reduce((out, [from, to]) => out.replace(from, to), text)
    return answer(request, fixed, [fixed.replace(/[.!]$/, ';'), fixed.replace(/[.!]$/, '…')])
  }

  async *variants(request: EditRequest): AsyncGenerator<Variant, EditResult> {
    const result = await this.edit(request)
    yield* result.variants
    return result
  }

  async adapter(): Promise<never> {
    throw new Error('the app opens no adapter yet')
  }

  prefetch(): void {}

  static async report(): Promise<string> {
    return '# nearfield report\n\nno model is open\n'
  }
  async report(): Promise<string> {
    return '# nearfield report\n\nof the model\n'
  }

  close(): void {}
}
