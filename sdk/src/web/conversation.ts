/**
 * What a LanguageModel session holds: its initial prompts, and the turns since, the oldest of which
 * go when the context is full. Owns what is kept and what an answer is made from; a value, changed
 * only as a whole, so that a clone or an aborted prompt leaves it as it was.
 */
import type { Message } from '../index.ts'
import { quotaExceeded } from './errors.ts'
import type { Canonical } from './prompt.ts'

/** Tokens of messages, and what the context holds. */
export type Count = (messages: Message[]) => Promise<{ tokens: number; context: number }>

export interface Fitted {
  conversation: Conversation
  /** With the input: what the engine reads. */
  messages: Message[]
  tokens: number
  /** Tokens that they may be at most. */
  window: number
  /** Turns had to go. */
  overflowed: boolean
}

export class Conversation {
  readonly #initial: readonly Message[]
  /** An input with its answer, or an appended input. */
  readonly #turns: readonly (readonly Message[])[]

  constructor(initial: readonly Message[], turns: readonly (readonly Message[])[] = []) {
    this.#initial = initial
    this.#turns = turns
  }

  get begun(): boolean {
    return this.#initial.length + this.#turns.length > 0
  }

  /** A last message of the assistant's that is no prefix is closed: the answer is a new turn. */
  with({ messages, prefix }: Canonical): Message[] {
    const all = [...this.#initial, ...this.#turns.flat(), ...messages]
    const closed = all.at(-1)?.role === 'assistant' && !prefix
    return closed ? [...all, { role: 'assistant', content: '' }] : all
  }

  /** What it takes by itself; an answer at its end is open, as it was when it was counted. */
  async tokens(count: Count): Promise<number> {
    if (!this.begun) return 0 // the engine counts no empty prompt
    return (await count([...this.#initial, ...this.#turns.flat()])).tokens
  }

  /**
   * As much of it as fits with the input. Rejects with a QuotaExceededError when the initial
   * prompts and the input alone do not; nothing is dropped then.
   */
  async fitted(input: Canonical, count: Count): Promise<Fitted> {
    for (let dropped = 0; ; dropped++) {
      const conversation = new Conversation(this.#initial, this.#turns.slice(dropped))
      const messages = conversation.with(input)
      const { tokens, context } = await count(messages)
      const window = context - 1 // the answer has one token at least
      if (tokens <= window) {
        return { conversation, messages, tokens, window, overflowed: dropped > 0 }
      }
      if (dropped === this.#turns.length) throw quotaExceeded(tokens, window)
    }
  }

  /** After an input, and what was answered to it; null: nothing was asked. */
  after({ messages, prefix }: Canonical, answer: string | null): Conversation {
    const turn = [...messages]
    const begin = prefix && answer !== null ? (turn.pop()?.content ?? '') : ''
    if (answer !== null) turn.push({ role: 'assistant', content: begin + answer })
    return new Conversation(this.#initial, [...this.#turns, turn])
  }
}
