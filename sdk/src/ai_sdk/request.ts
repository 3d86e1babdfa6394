/**
 * A call of the AI SDK as Nearfield.generate() takes it, with a warning for each setting that a
 * local model does not have. Pure.
 */
import type { LanguageModelV4CallOptions, SharedV4Warning } from '@ai-sdk/provider'
import type { GenerateRequest, Message } from '../index.ts'
import { unsupported } from './errors.ts'

type Prompt = LanguageModelV4CallOptions['prompt']

/** As the balanced mode of nearfield/web. */
const DEFAULTS = { temperature: 0.7, topK: 40, topP: 0.95, repeatPenalty: 1.1 }

/** Throws an UnsupportedFunctionalityError for what is no text. */
function messageOf(message: Prompt[number]): Message {
  const { role, content } = message
  if (role === 'tool') throw unsupported('a message of a tool')
  if (typeof content === 'string') return { role, content }
  const texts = content.map((part) => {
    if (part.type === 'text') return part.text
    if (part.type === 'reasoning') return ''
    throw unsupported(`a part of type '${part.type}'`)
  })
  return { role, content: texts.join('') }
}

function warningsOf(options: LanguageModelV4CallOptions): SharedV4Warning[] {
  const { tools = [], responseFormat, reasoning = 'none' } = options
  const warnings: SharedV4Warning[] = []
  const warn = (feature: string, details: string) =>
    warnings.push({ type: 'unsupported', feature, details })
  if (tools.length > 0) warn('tools', 'the model calls no tools')
  if (responseFormat?.type === 'json') {
    warn('responseFormat', 'the engine cannot hold an answer to a schema')
  }
  if (reasoning !== 'none' && reasoning !== 'provider-default') {
    warn('reasoning', 'the model does not reason')
  }
  return warnings
}

export function requestOf(options: LanguageModelV4CallOptions): {
  request: GenerateRequest
  warnings: SharedV4Warning[]
} {
  const { maxOutputTokens, temperature, topK, topP, presencePenalty, frequencyPenalty } = options
  const { stopSequences, seed, abortSignal } = options
  const given = {
    ...(maxOutputTokens !== undefined && { maxTokens: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(topP === 0 && { temperature: 0 }), // the likeliest alone; generate() takes 0 for 'off'
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(stopSequences !== undefined && { stop: stopSequences.filter((stop) => stop !== '') }),
    ...(abortSignal && { signal: abortSignal }),
  }
  return {
    request: {
      ...DEFAULTS,
      ...given,
      seed: seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
      messages: options.prompt.map(messageOf),
    },
    warnings: warningsOf(options),
  }
}
