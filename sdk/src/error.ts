/**
 * The one error class of the SDK and its closed list of codes. Aborting is not an error of
 * ours: it rejects with the signal's reason or an AbortError; superseded is one of those.
 * Read next: status.gen.ts (codes of the C API).
 */
import { type StatusCode, statusCodes } from './status.gen.ts'

/** network: bytes could not be fetched. closed: close() was called. lost: the worker ended. */
export type ErrorCode = StatusCode | 'network' | 'closed' | 'lost'

/** Every failure of this package that is not an abort. */
export class NearfieldError extends Error {
  /** What kind of failure, for a program. */
  readonly code: ErrorCode

  /** message: one line for a person: what is wrong, where, what was expected. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NearfieldError'
    this.code = code
  }
}

/** The error for a negative nf_status and the line that came with it. */
export function errorOfStatus(value: number, line: string): NearfieldError {
  const code = statusCodes.get(value)
  if (!code) return new NearfieldError('lost', `the engine answered with the status ${value}`)
  return new NearfieldError(code, line || `the engine answered '${code}'`)
}

/** An error as it crosses from the worker; structured clone keeps no class and no code. */
export interface WireError {
  code: ErrorCode | 'abort'
  message: string
}

export function toWire(error: unknown): WireError {
  if (error instanceof NearfieldError) return { code: error.code, message: error.message }
  if (error instanceof DOMException && error.name === 'AbortError') {
    return { code: 'abort', message: error.message }
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return { code: 'lost', message: `the engine failed: ${message}` }
}

export function fromWire(error: WireError): Error {
  if (error.code === 'abort' || error.code === 'cancelled') return abortError(error.message)
  return new NearfieldError(error.code, error.message)
}

/**
 * What a request rejects with when a newer one has the same key. An AbortError to whoever only
 * asks for that; `error instanceof SupersededError` to whoever wants to know.
 */
export class SupersededError extends DOMException {
  constructor() {
    super('superseded: a newer request has the same key', 'AbortError')
  }
}

export function abortError(message = 'the request was aborted'): DOMException {
  return new DOMException(message, 'AbortError')
}
