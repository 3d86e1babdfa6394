/**
 * What a prompt is: the drafts' messages, checked and in the engine's form. Owns the draft's
 * "validate and canonicalize a prompt" for a model that reads text only. Pure.
 * source https://webmachinelearning.github.io/prompt-api/
 */
import type { Message } from '../index.ts'
import { notSupported } from './errors.ts'

/** A part of a message; of the types only 'text' is supported. */
export interface PromptContent {
  type: string
  value: unknown
}
/** One message. */
export interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  /** A string is short for one content of type 'text'. */
  content: string | readonly PromptContent[]
  /** Of the last message, where it is the assistant's: the answer begins with it. */
  prefix?: boolean
}
/** A string is short for one message of the user's. */
export type Prompt = string | readonly PromptMessage[]

export interface Canonical {
  messages: Message[]
  /** The last message is the beginning of the answer. */
  prefix: boolean
}

const ROLES = ['system', 'user', 'assistant']
const TYPES = ['text', 'image', 'audio', 'tool-call', 'tool-response']

/** Throws a TypeError for what is no type of a content, as Web IDL does for an enumeration. */
export function checkType(type: unknown): void {
  if (!TYPES.includes(type as string)) throw new TypeError(`'${type}' is no type of a content`)
}

/** Web IDL's union of a sequence and a DOMString: what cannot be iterated is made a string. */
function listOr<T>(input: unknown): readonly T[] | string {
  const iterable = typeof input === 'object' && input !== null && Symbol.iterator in input
  return iterable ? Array.from(input as Iterable<T>) : `${input}`
}

/** begun: something stands before it. Throws what the draft says. */
export function canonicalPrompt(input: Prompt, begun: boolean): Canonical {
  const given = listOr<PromptMessage>(input)
  const list: readonly PromptMessage[] =
    typeof given === 'string' || given.length === 0
      ? [{ role: 'user', content: given.toString() }]
      : given
  const messages = list.map((message, i) => {
    const { role, content, prefix = false } = message
    if (!ROLES.includes(role)) throw new TypeError(`'${role}' is no role of a message`)
    if (prefix && (role !== 'assistant' || i < list.length - 1)) {
      const line = "prefix: only of a last message that is the assistant's"
      throw new DOMException(line, 'SyntaxError')
    }
    if (role === 'system' && (begun || i > 0)) {
      throw new TypeError('a system message can only be the first of a session')
    }
    return { role, content: textOf(content) }
  })
  return { messages, prefix: list.at(-1)?.prefix ?? false }
}

function textOf(content: PromptMessage['content']): string {
  if (content === undefined) throw new TypeError('a message must have a content')
  const parts = listOr<PromptContent>(content)
  if (typeof parts === 'string') return parts
  return parts
    .map(({ type, value }) => {
      checkType(type)
      if (type !== 'text') throw notSupported(`the model reads text, not '${type}'`)
      if (typeof value !== 'string') throw new TypeError("the value of a 'text' must be a string")
      return value
    })
    .join('')
}
