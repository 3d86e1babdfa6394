/** What can go wrong with a server's edit, for whoever decides what to do about it. Owns the shape. */
import { type ErrorCode, NearfieldError } from '../error.ts'

/**
 * 'network': no answer, or one that broke off. 'busy': 429 or 503, come again after retryAfterMs.
 * 'server': another 5xx. 'refused': it understood and will not (another 4xx). 'invalid': an answer
 * that is none, or not one to this request. 'redirected': it sent us elsewhere, and is not followed:
 * the text goes nowhere but where the page said.
 */
export type ServerFailure = 'network' | 'busy' | 'server' | 'refused' | 'invalid' | 'redirected'

interface Details {
  /** null: there was no answer. */
  status?: number | null
  /** What Retry-After says; null: nothing. */
  retryAfterMs?: number | null
  cause?: unknown
}

/** A NearfieldError; its code is 'network' unless the request itself is at fault. */
export class ServerError extends NearfieldError {
  readonly failure: ServerFailure
  readonly status: number | null
  readonly retryAfterMs: number | null

  constructor(
    failure: ServerFailure,
    message: string,
    { status = null, retryAfterMs = null, cause }: Details = {},
    code: ErrorCode = 'network',
  ) {
    super(code, message, cause === undefined ? undefined : { cause })
    this.name = 'ServerError'
    this.failure = failure
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}
