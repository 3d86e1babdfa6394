/**
 * Times and rates as text for people, and the text of a cue as a file can hold it.
 * Pure; no locale surprises: caption people read 00:00:01.200 everywhere.
 */
import type { CaptionFormat } from 'nearfield'

const two = (n: number) => String(n).padStart(2, '0')

/** 1:02:03.450, hours only where there are any; minutes always. */
export function formatTime(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = Math.floor(whole / 1000) % 60
  const head = hours > 0 ? `${hours}:${two(minutes)}` : two(minutes)
  return `${head}:${two(seconds)}.${String(whole % 1000).padStart(3, '0')}`
}

/** What a person types: 1:02:03.45, 2:03,450, 3.5 or 83; in milliseconds. Null: not a time. */
export function parseTime(text: string): number | null {
  const found = /^\s*(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6})(?:[.,](\d{1,9}))?\s*$/.exec(text)
  if (!found) return null
  const [, hours = '0', minutes = '0', seconds = '0', fraction = ''] = found
  if (found[2] !== undefined && Number(seconds) > 59) return null
  if (found[1] !== undefined && Number(minutes) > 59) return null
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)
  return whole * 1000 + Math.round(Number(`0.${fraction || '0'}`) * 1000)
}

export const formatDuration = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`
  return `${Math.round(bytes / 1_000_000)} MB`
}

/** Small sums: an edit costs thousandths of a cent. */
export const formatUsd = (usd: number): string => `$${usd.toFixed(usd < 0.01 ? 6 : 2)}`

export const formatMs = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`

/** Characters a second; a cue without length has no rate. */
export function cps(chars: number, startMs: number, endMs: number): number | null {
  return endMs > startMs ? (chars * 1000) / (endMs - startMs) : null
}

/**
 * An empty line would end the cue (in SRT also one of blanks), and "-->" is a time line in WebVTT:
 * the editor lets people type them, the file cannot hold them.
 */
export function savableText(text: string, format: CaptionFormat): string {
  const lines = text.split('\n')
  const ends = (line: string) => (format === 'srt' ? line.trim() === '' : line === '')
  const kept = lines.length > 1 ? lines.filter((line) => !ends(line)) : lines
  const joined = kept.join('\n')
  return format === 'vtt' ? joined.replaceAll('-->', '--&gt;') : joined
}

/** 5,000. The first use of the platform's own formatter would block the page for 50 ms. */
export const formatCount = (n: number): string =>
  String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',')

export const plural = (n: number, noun: string, many = `${noun}s`): string =>
  `${formatCount(n)} ${n === 1 ? noun : many}`
