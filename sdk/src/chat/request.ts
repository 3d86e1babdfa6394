/**
 * A chat request of OpenAI's shape, checked and as generate() takes it. Refuses what the server
 * refuses (server/chat_request.c): what would change the answer and is not supported. Pure.
 */
import type { GenerateRequest, Message } from '../generate.ts'
import { NearfieldError } from '../index.ts'
import type { ChatMessage, ChatParams } from './types.ts'

const KNOWN = new Set([
  'messages',
  'model',
  'stream',
  'stream_options',
  'n',
  'stop',
  'seed',
  'temperature',
  'top_p',
  'presence_penalty',
  'frequency_penalty',
  'max_tokens',
  'max_completion_tokens',
  // who asks, and hints that change no answer
  'user',
  'metadata',
  'store',
  'safety_identifier',
  'prompt_cache_key',
  'service_tier',
])
const STOPS_MAX = 4
const CHOICES_MAX = 8

const bad = (line: string) => new NearfieldError('bad_input', line)

const isEmpty = (value: unknown) =>
  value === undefined ||
  value === null ||
  value === false ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

function textFormat(value: unknown): boolean {
  return isEmpty(value) || (value as { type?: unknown }).type === 'text'
}

function number(params: ChatParams, name: keyof ChatParams, least: number, most: number) {
  const value = params[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw bad(`${name}: expected a number from ${least} to ${most}`)
  }
  return value
}
function whole(params: ChatParams, name: keyof ChatParams, least: number, most: number) {
  const value = number(params, name, least, most)
  if (value !== undefined && !Number.isInteger(value)) throw bad(`${name}: expected a whole number`)
  return value
}

function message({ role, content, ...more }: ChatMessage, i: number): Message {
  const where = `messages[${i}]`
  const other = Object.entries(more).find(([name, value]) => name !== 'name' && !isEmpty(value))
  if (other) throw new NearfieldError('unsupported', `${where}.${other[0]} is not supported`)
  if (!['system', 'developer', 'user', 'assistant'].includes(role)) {
    throw bad(`${where}.role: expected system, developer, user or assistant`)
  }
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  if (!Array.isArray(parts)) throw bad(`${where}.content: expected a string, or parts of type text`)
  const texts = parts.map((part) => {
    if (part?.type === 'text' && typeof part.text === 'string') return part.text
    throw new NearfieldError('unsupported', `${where}.content: expected parts of type text`)
  })
  return { role: role === 'developer' ? 'system' : role, content: texts.join('') }
}

function stops({ stop }: ChatParams): string[] {
  const list = stop == null ? [] : typeof stop === 'string' ? [stop] : stop
  const fine = (one: unknown) => typeof one === 'string' && one !== ''
  if (!Array.isArray(list) || list.length > STOPS_MAX || !list.every(fine)) {
    throw bad(`stop: expected a string, or an array of at most ${STOPS_MAX}, none empty`)
  }
  return list
}

export interface ChatAsked {
  request: Omit<GenerateRequest, 'seed'> & { seed: number }
  n: number
  stream: boolean
  includeUsage: boolean
}

/** model: the id of the one that is open. Throws a NearfieldError 'bad_input' or 'unsupported'. */
export function chatAsked(params: ChatParams, model: string): ChatAsked {
  for (const [name, value] of Object.entries(params)) {
    if (name === 'response_format' ? textFormat(value) : KNOWN.has(name) || isEmpty(value)) continue
    throw new NearfieldError('unsupported', `${name} is not supported by a local model`)
  }
  if (params.model !== undefined && params.model !== model) {
    throw bad(`model: '${params.model}' is not open here; expected '${model}'`)
  }
  const { messages, stream, stream_options } = params
  if (!Array.isArray(messages) || messages.length === 0) {
    throw bad('messages: expected an array of at least one message')
  }
  if (stream_options && !stream) throw bad('stream_options: only where stream is true')
  const most = 2 ** 31 - 1
  const old = whole(params, 'max_tokens', 1, most)
  const maxTokens = whole(params, 'max_completion_tokens', 1, most) ?? old
  const seed = whole(params, 'seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  const topP = number(params, 'top_p', 0, 1)
  const temperature = number(params, 'temperature', 0, 2) ?? 1 // OpenAI's default
  return {
    request: {
      messages: messages.map(message),
      temperature: topP === 0 ? 0 : temperature, // the likeliest alone: generate()'s 0 is 'off'
      topP: topP ?? 0,
      presencePenalty: number(params, 'presence_penalty', -2, 2) ?? 0,
      frequencyPenalty: number(params, 'frequency_penalty', -2, 2) ?? 0,
      seed: seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
      stop: stops(params),
      ...(maxTokens !== undefined && { maxTokens }),
    },
    n: whole(params, 'n', 1, CHOICES_MAX) ?? 1,
    stream: stream === true,
    includeUsage: stream_options?.include_usage === true,
  }
}
