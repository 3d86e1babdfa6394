/**
 * The module 'nearfield' of the test build that browser tests of the app alone drive
 * (tests/browser/app/vite.fake.config.ts). Never part of app/dist: that build has no alias.
 */
import type { EditRequest, EditResult, NearfieldApi, OpenOptions, Variant } from 'nearfield'
import { abortError, answer, status } from './engine'

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

export class Nearfield implements NearfieldApi {
  readonly status = status
  static stored = false

  static async models() {
    return [{ name: 'smollm2-135m-instruct.q4_1', bytes: 98_000_000 }]
  }

  static async availability() {
    return Nearfield.stored ? ('available' as const) : ('downloadable' as const)
  }

  static async open({ onProgress, signal }: OpenOptions): Promise<Nearfield> {
    const total = 98_000_000
    for (let step = 0; step <= 20; step += 1) {
      onProgress?.({ loaded: (total * step) / 20, total, stage: 'download' })
      await wait(20, signal)
    }
    Nearfield.stored = true
    return new Nearfield()
  }

  async edit(request: EditRequest): Promise<EditResult> {
    await wait(40, request.signal)
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

  ledger(): never {
    throw new Error('the app asks for no ledger yet')
  }

  static async report(): Promise<string> {
    return '# nearfield report\n\nno model is open\n'
  }
  async report(): Promise<string> {
    return '# nearfield report\n\nof the model\n'
  }

  close(): void {}
}
