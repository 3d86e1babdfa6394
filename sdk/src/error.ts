/**
 * The one error class of the SDK and its closed list of codes. Aborting is not an error of
 * ours: it rejects with the signal's reason or an AbortError; superseded is one of those.
 * All of it is public: the bundles of other entries take this file from index.js (build.mjs), so that
 * a page has one class. Read next: status.gen.ts (codes of the C API), wire_error.ts.
 */
import type { StatusCode } from './status.gen.ts'

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

/**
 * What a request rejects with when a newer one has the same key. An AbortError to whoever only
 * asks for that; `error instanceof SupersededError` to whoever wants to know.
 */
export class SupersededError extends DOMException {
  constructor() {
    super('superseded: a newer request has the same key', 'AbortError')
  }
}
