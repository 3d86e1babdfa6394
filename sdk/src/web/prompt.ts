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

/** begun: something stands before it. Throws what the draft says. */
export function canonicalPrompt(input: Prompt, begun: boolean): Canonical {
  if (typeof input === 'string') input = [{ role: 'user', content: input }]
  if (!Array.isArray(input)) throw new TypeError('a prompt is a string or a list of messages')
  if (input.length === 0) input = [{ role: 'user', content: '' }]
  const list: readonly PromptMessage[] = input
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
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw new TypeError('content is a string or a list of contents')
  const parts: readonly PromptContent[] = content
  return parts
    .map(({ type, value }) => {
      if (type !== 'text') throw notSupported(`the model reads text, not '${type}'`)
      if (typeof value !== 'string') throw new TypeError("the value of a 'text' must be a string")
      return value
    })
    .join('')
}
