/**
 * `nearfield/ai-sdk`: a provider of the AI SDK (specification v4 of @ai-sdk/provider) over a local
 * model. Text only; the types are all that is needed of @ai-sdk/provider.
 * @module nearfield/ai-sdk
 */
import type {
  JSONObject,
  LanguageModelV4,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  ProviderV4,
} from '@ai-sdk/provider'
import { noSuchModel } from './ai_sdk/errors.ts'
import { requestOf } from './ai_sdk/request.ts'
import { isAlive } from './alive.ts'
import { type GenerateResult, Nearfield, type OpenOptions } from './index.ts'
import { unlessAborted } from './unless_aborted.ts'

/** createNearfield()'s: also called as a function, for its one model. */
export interface NearfieldProvider extends ProviderV4 {
  /** modelId: the id of the model, where it should be checked; default: the one there is. */
  (modelId?: string): LanguageModelV4
  languageModel(modelId?: string): LanguageModelV4
  /**
   * The model, opened by the first call; once open() has failed, the worker has ended or somebody
   * has closed it, the next call opens it again.
   */
  open(): Promise<Nearfield>
}

/** What a provider is made of: how to open a model, which the first call does, or one that is open. */
export type NearfieldProviderOptions = OpenOptions | { nearfield: Nearfield | Promise<Nearfield> }

function openerOf(options: NearfieldProviderOptions): () => Promise<Nearfield> {
  if ('nearfield' in options) return async () => options.nearfield
  let opening: Promise<Nearfield> | null = null
  let nearfield: Nearfield | null = null
  return () => {
    if (opening && isAlive(nearfield)) return opening
    nearfield = null
    opening = Nearfield.open(options)
    opening.then(
      (nf) => {
        nearfield = nf
      },
      () => {
        opening = null
      },
    )
    return opening
  }
}

/**
 * A provider of the AI SDK for one model.
 * @example
 * ```ts
 * import { generateText } from 'ai'
 * import { createNearfield } from 'nearfield/ai-sdk'
 *
 * const nearfield = createNearfield({ model: '/models/smollm2-135m-instruct.q4_1/' })
 * const { text } = await generateText({ model: nearfield(), prompt: 'Say hello.' })
 * ```
 */
export function createNearfield(options: NearfieldProviderOptions): NearfieldProvider {
  const open = openerOf(options)
  const languageModel = (modelId?: string) => modelOf(open, modelId)
  const none = (modelType: string) => (modelId: string) => {
    throw noSuchModel(modelId, modelType, `nearfield has no ${modelType}: '${modelId}'`)
  }
  return Object.assign(languageModel, {
    specificationVersion: 'v4' as const,
    languageModel,
    embeddingModel: none('embeddingModel'),
    imageModel: none('imageModel'),
    open,
  })
}

function usageOf({ receipt }: GenerateResult): LanguageModelV4Usage {
  const { inputTokens, cachedTokens, outputTokens } = receipt
  return {
    inputTokens: {
      total: inputTokens,
      noCache: inputTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: outputTokens, text: outputTokens, reasoning: undefined },
  }
}

function endOf(result: GenerateResult) {
  const unified = result.end === 'length' ? 'length' : 'stop'
  const finishReason: LanguageModelV4FinishReason = { unified, raw: result.end }
  // a receipt is plain data: numbers, texts and lists of them
  const receipt = result.receipt as unknown as JSONObject
  return { finishReason, usage: usageOf(result), providerMetadata: { nearfield: { receipt } } }
}

function modelOf(open: () => Promise<Nearfield>, modelId = ''): LanguageModelV4 {
  /** An abort ends the wait, not the opening: another call may wait for it, and the next one will. */
  const opened = async (signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    const nf = await unlessAborted(open(), signal)
    const id = nf.status.model?.id ?? ''
    if (modelId === '' || modelId === id) return { nf, id }
    throw noSuchModel(modelId, 'languageModel', `'${modelId}' is not open here; '${id}' is`)
  }
  return {
    specificationVersion: 'v4',
    provider: 'nearfield',
    modelId: modelId || 'nearfield',
    supportedUrls: {},
    async doGenerate(options) {
      const { request, warnings } = requestOf(options)
      const { nf, id } = await opened(request.signal)
      const result = await nf.generate(request)
      const content = result.text === '' ? [] : [{ type: 'text' as const, text: result.text }]
      const response = { modelId: id, timestamp: new Date() }
      return { content, ...endOf(result), response, warnings }
    },
    async doStream(options) {
      const asked = requestOf(options)
      const { nf, id } = await opened(asked.request.signal)
      return { stream: streamOf(nf, id, asked) }
    },
  }
}

function streamOf(
  nf: Nearfield,
  modelId: string,
  { request, warnings }: ReturnType<typeof requestOf>,
): ReadableStream<LanguageModelV4StreamPart> {
  const left = new AbortController()
  const { signal } = request
  const both = signal ? AbortSignal.any([signal, left.signal]) : left.signal
  const id = '0'
  return new ReadableStream<LanguageModelV4StreamPart>({
    async start(to) {
      const put = (part: LanguageModelV4StreamPart) => left.signal.aborted || to.enqueue(part)
      put({ type: 'stream-start', warnings })
      put({ type: 'response-metadata', modelId, timestamp: new Date() })
      put({ type: 'text-start', id })
      const onText = (delta: string) => put({ type: 'text-delta', id, delta })
      // not awaited: start() would hold back what is read until it is done
      nf.generate({ ...request, signal: both, onText }).then(
        (result) => {
          put({ type: 'text-end', id })
          put({ type: 'finish', ...endOf(result) })
          if (!left.signal.aborted) to.close()
        },
        (error) => {
          if (left.signal.aborted) return
          if (signal?.aborted) to.error(error)
          else {
            put({ type: 'error', error })
            to.close()
          }
        },
      )
    },
    cancel: () => left.abort(),
  })
}
