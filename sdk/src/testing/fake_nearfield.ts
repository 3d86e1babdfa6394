/**
 * Nearfield.open() without a worker, for tests of what stands on it: edits and texts are what the
 * test says, a word is a token and each message three more.
 */
import { vi } from 'vitest'
import { NearfieldError } from '../error.ts'
import type { GenerateRequest, Message } from '../generate.ts'
import { Nearfield } from '../nearfield.ts'
import type { EditRequest, EditResult, OpenOptions } from '../types.ts'

export const CONTEXT = 100
const words = (text: string) => text.split(/\s+/).filter((word) => word !== '').length
export const tokensOf = (messages: readonly Message[]) =>
  messages.reduce((n, { content }) => n + 3 + words(content), 0)

export interface Fake {
  /** Of the last one that was opened. */
  close: ReturnType<typeof vi.fn>
  opened: OpenOptions[]
  edits: EditRequest[]
  texts: GenerateRequest[]
  edit(request: EditRequest): Partial<EditResult>
  /** Pieces of the text. */
  say(request: GenerateRequest): string[]
  state: string
}

/** Takes a turn between two pieces, and ends with the signal's reason as the channel does. */
async function generate(fake: Fake, request: GenerateRequest) {
  fake.texts.push(request)
  let text = ''
  let outputTokens = 0
  for (const piece of fake.say(request)) {
    await new Promise((done) => setTimeout(done))
    request.signal?.throwIfAborted()
    if (outputTokens === request.maxTokens) break
    request.onText?.(piece)
    text += piece
    outputTokens++
  }
  const receipt = { inputTokens: tokensOf(request.messages), cachedTokens: 0, outputTokens }
  return { text, end: 'model', receipt }
}

export function fakeNearfield(): Fake {
  const fake: Fake = {
    close: vi.fn(),
    opened: [],
    edits: [],
    texts: [],
    edit: ({ text }) => ({ text, changes: [], verdict: 'unchanged' }),
    say: () => ['Well', ', ', 'hello.'],
    state: 'ready',
  }
  vi.spyOn(Nearfield, 'availability').mockResolvedValue('downloadable')
  vi.spyOn(Nearfield, 'open').mockImplementation(async (options) => {
    options.signal?.throwIfAborted()
    fake.opened.push(options)
    const close = vi.fn()
    fake.close = close
    for (const [loaded, stage] of [
      [0, 'download'],
      [5, 'download'],
      [10, 'download'],
      [0, 'load'],
      [10, 'load'],
    ] as const) {
      await new Promise((done) => setTimeout(done))
      options.signal?.throwIfAborted()
      options.onProgress?.({ loaded, total: 10, stage })
    }
    return {
      close,
      status: { state: fake.state, model: { id: 'tiny' } },
      async edit(request: EditRequest) {
        fake.edits.push(request)
        await new Promise((done) => setTimeout(done))
        request.signal?.throwIfAborted()
        return fake.edit(request)
      },
      generate: (request: GenerateRequest) => generate(fake, request),
      async countTokens(messages: Message[]) {
        if (messages.length === 0) throw new NearfieldError('bad_input', 'no messages')
        return { tokens: tokensOf(messages), context: CONTEXT }
      },
    } as unknown as Nearfield
  })
  return fake
}

/** Whatever a stream gives. */
export async function all<T>(stream: ReadableStream<T>): Promise<T[]> {
  const given: T[] = []
  for await (const one of stream) given.push(one)
  return given
}

/** What node lacks and a page has. */
export function stubPage(): void {
  vi.stubGlobal('document', { baseURI: 'http://host/' })
  vi.stubGlobal(
    'ProgressEvent',
    class extends Event {
      loaded: number
      constructor(type: string, { loaded }: { loaded: number }) {
        super(type)
        this.loaded = loaded
      }
    },
  )
}
