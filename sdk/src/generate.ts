/**
 * Text that the model writes by itself: what is asked and answered, and what of it crosses to the
 * worker. Owns the shapes and the checks of a request; the steps are worker/engine.ts's, the
 * shapes of others are chat.ts's (OpenAI) and web/'s (the web platform's).
 */
import { NearfieldError } from './error.ts'
import type { Adapter, Priority, Receipt } from './types.ts'

/** One turn of a conversation. A last one of the assistant's is left open: the model goes on. */
export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** What Nearfield.generate() takes. Sampling that is not given does not apply: greedy, as it is. */
export interface GenerateRequest {
  messages: readonly Message[]
  /** Default: what the context leaves. */
  maxTokens?: number
  /** Default 0: always the likeliest token. */
  temperature?: number
  topK?: number
  topP?: number
  minP?: number
  repeatPenalty?: number
  presencePenalty?: number
  frequencyPenalty?: number
  /** The same seed gives the same text. Default 0. */
  seed?: number
  /** The text ends before the first of them; at most 8. */
  stop?: readonly string[]
  /** From Nearfield.adapter(), of the same object; default: none. */
  adapter?: Adapter | null
  /** Called with what became certain, in order; all of it together is the result's text. */
  onText?: (piece: string) => void
  signal?: AbortSignal
  /** Default 'now'. One that is less urgent gives way to edits, and begins again after them. */
  priority?: Priority
}

/** A text, how it ended and what it cost. */
export interface GenerateResult {
  text: string
  /** 'model': it was done. 'stop': at one of the request's. 'length': maxTokens, or the context. */
  end: 'model' | 'stop' | 'length'
  receipt: GenerateReceipt
}
/** As of an edit, less what only edits have. */
export type GenerateReceipt = Omit<Receipt, 'drafted' | 'accepted' | 'forced' | 'adapterProblem'>

/** As it crosses to the worker. */
export type GenerateArgs = Omit<GenerateRequest, 'onText' | 'signal'>

/** Tokens of a conversation as the model reads it, and how many its context holds. */
export interface TokenCount {
  tokens: number
  /** A prompt may have one less: its answer needs room. */
  context: number
}

const ROLES = ['system', 'user', 'assistant']

/** Throws a NearfieldError 'bad_input': the worker is asked for nothing it cannot place. */
export function checkedMessages(messages: readonly Message[]): Message[] {
  return messages.map(({ role, content }, i) => {
    if (!ROLES.includes(role)) {
      const line = `messages[${i}].role is '${role}'; expected 'system', 'user' or 'assistant'`
      throw new NearfieldError('bad_input', line)
    }
    if (typeof content !== 'string') {
      throw new NearfieldError('bad_input', `messages[${i}].content must be a string`)
    }
    return { role, content }
  })
}

const NUMBERS = [
  'maxTokens',
  'temperature',
  'topK',
  'topP',
  'minP',
  'repeatPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'seed',
] as const

export function generateArgs({ onText: _, signal: __, ...rest }: GenerateRequest): GenerateArgs {
  for (const name of NUMBERS) {
    const value = rest[name]
    if (value !== undefined && !Number.isFinite(value)) {
      throw new NearfieldError('bad_input', `generate: ${name} must be a number`)
    }
  }
  return { ...rest, messages: checkedMessages(rest.messages) }
}
