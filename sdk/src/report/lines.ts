/** How a report reads: Markdown that is plain text as well. */
import { clean } from './clean.ts'

/** A name and what was found. */
export type Fact = readonly [name: string, value: string]

/** Lines of `facts` are cleaned; of `own`, which are ours, not. */
export function section(title: string, facts: readonly Fact[], own: readonly Fact[] = []): string {
  const lines = facts.map(([name, value]) => `- ${name}: ${clean(value) || 'none'}`)
  lines.push(...own.map(([name, value]) => `- ${name}: ${value}`))
  return [`## ${title}`, ...lines].join('\n')
}

export const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
export const milliseconds = (ms: number) => `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`
export const yesNo = (value: boolean | undefined) =>
  value === undefined ? 'unknown' : value ? 'yes' : 'no'
