/**
 * Chat completions in OpenAI's shape over Nearfield.generate(), whole and as chunks. Owns ids, the
 * order of chunks and how choices add up. What is asked is request.ts's.
 */
import type { GenerateRequest, GenerateResult } from '../generate.ts'
import { Pushed } from './pushed.ts'
import { type ChatAsked, chatAsked } from './request.ts'
import type {
  ChatChunk,
  ChatCompletion,
  ChatFinish,
  ChatOptions,
  ChatParams,
  ChatStream,
  ChatUsage,
} from './types.ts'

/** What this file needs of a Nearfield. */
export interface Generates {
  generate(request: GenerateRequest): Promise<GenerateResult>
  readonly status: { model: { id: string } | null }
}

const finish = ({ end }: GenerateResult): ChatFinish => (end === 'length' ? 'length' : 'stop')

/** The prompt counts once, as one server that answers all choices would count it. */
function usageOf(results: readonly GenerateResult[]): ChatUsage {
  const [first] = results
  const prompt_tokens = first?.receipt.inputTokens ?? 0
  const completion_tokens = results.reduce((n, { receipt }) => n + receipt.outputTokens, 0)
  const cached_tokens = first?.receipt.cachedTokens ?? 0
  const total_tokens = prompt_tokens + completion_tokens
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens,
    prompt_tokens_details: { cached_tokens },
  }
}

export async function createCompletion(
  engine: Generates,
  params: ChatParams,
  { signal }: ChatOptions = {},
): Promise<ChatCompletion | ChatStream> {
  signal?.throwIfAborted()
  const model = engine.status.model?.id ?? ''
  const asked = chatAsked(params, model)
  const head = {
    id: `chatcmpl-${crypto.getRandomValues(new Uint32Array(4)).join('')}`,
    created: Math.floor(Date.now() / 1000),
    model,
  }
  if (asked.stream) return streamOf(engine, asked, head, signal ?? undefined)
  const results: GenerateResult[] = []
  for (let i = 0; i < asked.n; i++) {
    results.push(await engine.generate(choice(asked, i, signal ?? undefined)))
  }
  return {
    ...head,
    object: 'chat.completion',
    choices: results.map((result, index) => ({
      index,
      message: { role: 'assistant', content: result.text, refusal: null },
      logprobs: null,
      finish_reason: finish(result),
    })),
    usage: usageOf(results),
  }
}

/** Choices differ by their seed; the first has the one that was asked for. */
function choice({ request }: ChatAsked, index: number, signal?: AbortSignal): GenerateRequest {
  return { ...request, seed: request.seed + index, ...(signal && { signal }) }
}

function streamOf(
  engine: Generates,
  asked: ChatAsked,
  head: Pick<ChatChunk, 'id' | 'created' | 'model'>,
  signal?: AbortSignal,
): ChatStream {
  const controller = new AbortController()
  const both = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
  const chunks = new Pushed<ChatChunk>(() => controller.abort())
  const object = 'chat.completion.chunk' as const
  const usage = asked.includeUsage && { usage: null }
  const say = (
    index: number,
    delta: { role?: 'assistant'; content?: string },
    finish_reason: ChatFinish | null = null,
  ) => {
    const choices = [{ index, delta, logprobs: null, finish_reason }]
    chunks.push({ ...head, object, choices, ...usage })
  }
  const work = async () => {
    const results: GenerateResult[] = []
    for (let i = 0; i < asked.n; i++) {
      say(i, { role: 'assistant', content: '' })
      const onText = (content: string) => say(i, { content })
      const result = await engine.generate({ ...choice(asked, i, both), onText })
      say(i, {}, finish(result))
      results.push(result)
    }
    if (asked.includeUsage) {
      chunks.push({ ...head, object, choices: [], usage: usageOf(results) })
    }
  }
  work().then(
    () => chunks.done(),
    // an abort by the stream's own controller ends it without a word, as openai's client does
    (error) => (controller.signal.aborted ? chunks.done() : chunks.fail(error)),
  )
  return {
    controller,
    [Symbol.asyncIterator]: () => chunks,
    toReadableStream: () => linesOf(chunks),
  }
}

function linesOf(chunks: AsyncIterator<ChatChunk, undefined>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(to) {
      const { done, value } = await chunks.next()
      if (done) to.close()
      else to.enqueue(encoder.encode(`${JSON.stringify(value)}\n`))
    },
    async cancel() {
      await chunks.return?.()
    },
  })
}
