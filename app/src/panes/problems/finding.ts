/** A lint finding in words: what is wrong, how much, and where the limit lies. Pure. */
import type { LintFinding } from 'nearfield'

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`

export function findingText({ rule, value, limit }: LintFinding): string {
  switch (rule) {
    case 'cps':
      return `Too fast to read: ${(value / 100).toFixed(1)} characters a second, limit ${limit / 100}`
    case 'line-length':
      return `Line too long: ${value} characters, limit ${limit}`
    case 'line-count':
      return `Too many lines: ${value}, limit ${limit}`
    case 'duration-short':
      return `Too short: ${seconds(value)}, at least ${seconds(limit)}`
    case 'duration-long':
      return `Too long on screen: ${seconds(value)}, at most ${seconds(limit)}`
    case 'gap':
      return `Too close to the next cue: ${value} ms, at least ${limit} ms`
    case 'overlap':
      return `Overlaps the next cue by ${value} ms`
  }
}
