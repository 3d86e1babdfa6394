/**
 * Tokens of messages of any length: the engine counts about what its context could hold, and the
 * drafts want a number for whatever a page has. Owns the counting in parts; the tokens themselves
 * are the engine's.
 */
import type { Message, Nearfield, TokenCount } from '../index.ts'

/** UTF-16 units of all messages that the engine surely counts, whatever they are in UTF-8. */
const PART_CHARS = 4000

/** Rejects as Nearfield.countTokens(). */
export async function countTokens(
  nf: Nearfield,
  messages: readonly Message[],
  signal?: AbortSignal,
): Promise<TokenCount> {
  const count = (some: readonly Message[]) => nf.countTokens(some, signal ? { signal } : {})
  const parts = messages.flatMap(({ content }) => partsOf(content))
  if (parts.reduce((n, part) => n + part.length, 0) <= PART_CHARS) return count(messages)
  const asked = (content: string): Message[] => [{ role: 'user', content }]
  const frame = await count(asked(''))
  const { tokens, context } = await count(messages.map((one) => ({ ...one, content: '' })))
  const counted = await Promise.all(parts.map((part) => count(asked(part))))
  return { tokens: counted.reduce((n, one) => n + one.tokens - frame.tokens, tokens), context }
}

/** Cut in front of white space, where a token begins anyway; a longer word anywhere. */
function partsOf(text: string): string[] {
  const parts: string[] = []
  let at = 0
  while (text.length - at > PART_CHARS) {
    const space = text.slice(at, at + PART_CHARS).search(/\s\S*$/)
    const low = text.charCodeAt(at + PART_CHARS)
    const whole = low >= 0xdc00 && low < 0xe000 ? PART_CHARS - 1 : PART_CHARS
    const end = at + (space > 0 ? space : whole)
    parts.push(text.slice(at, end))
    at = end
  }
  return [...parts, text.slice(at)]
}
