/**
 * What can go wrong with the server's jobs, as two lines for a person: what happened and what to
 * do about it. Owns the words for each status; the server's own line is kept wherever it has one.
 */
import { reason } from '../assist/model'
import type { JobKind } from './client'

/** What a button beside the problem can do. */
export type Remedy = 'again' | 'choose' | 'token'

export interface Problem {
  readonly line: string
  readonly mend: string
  readonly remedy: Remedy | null
}

/** 423: an upload's old connection is not yet ended. */
const PASSING = new Set([0, 423, 502, 503, 504])

/** A reply that is no success, or none at all (status 0). */
export class JobError extends Error {
  override readonly name = 'JobError'
  readonly status: number
  /** The server asked to wait so long. */
  readonly retryAfterMs: number

  constructor(status: number, line: string, retryAfterMs = 0) {
    super(line)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** Another try may help, and nothing has to be changed for it. */
  get passes(): boolean {
    return PASSING.has(this.status)
  }
}

/** The body of an error: the jobs' JSON, the API's JSON, or the line of text of a refused head. */
export function errorLine(status: number, body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    if (typeof error === 'string') return error
    const { message } = (error ?? {}) as { message?: unknown }
    if (typeof message === 'string') return message
  } catch {
    // not JSON: a line, or a proxy's page
  }
  const line = body.trim()
  return line && line.length < 200 && !line.startsWith('<') ? line : `status ${status}`
}

const ended = (line: string): string => (/[.!?]$/.test(line.trim()) ? line.trim() : `${line}.`)

const WHAT: Record<JobKind, string> = { transcribe: 'The transcription', render: 'The export' }

/** What makes a video small enough for the server. */
export const SMALLER: Record<JobKind, string> = {
  transcribe:
    'For a transcript the sound alone is enough: ffmpeg -i VIDEO -vn -c:a copy sound.m4a. Or the ' +
    'operator raises upload_mb_max.',
  render: 'Take a smaller version of it, or ask the operator to raise upload_mb_max.',
}

/** `name`: of the video. */
export function problemOf(error: unknown, kind: JobKind, name: string): Problem {
  const make = (mend: string, remedy: Remedy | null): Problem => ({
    line: `${WHAT[kind]} of ${name} stopped: ${ended(reason(error))}`,
    mend,
    remedy,
  })
  if (!(error instanceof JobError)) return make('', 'again')
  switch (error.status) {
    case 0:
      return make('Look whether the server runs and can be reached, then try again.', 'again')
    case 401:
      return make('Enter the token that the operator of this server gave you.', 'token')
    case 403:
      return make('Open the editor at the address of the server itself.', null)
    case 404:
      return make('The server no longer has it: start again.', 'again')
    case 413:
      return make(SMALLER[kind], 'choose')
    case 422:
      return make('Choose the file again.', 'choose')
    case 429:
      return make('Others are first. Try again when some of their work is done.', 'again')
    case 501:
      return make('Then try again.', 'again')
    case 503:
      return make('Try again in a moment.', 'again')
    case 507:
      return make(
        'The disk of the server is full: its operator makes room; then try again.',
        'again',
      )
    default:
      return make('', 'again')
  }
}
