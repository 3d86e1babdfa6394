/** Our errors as the drafts have them: DOMExceptions of their names. Owns the table. */
import { NearfieldError } from '../index.ts'

const NAMES = {
  network: 'NetworkError',
  unsupported: 'NotSupportedError',
  bad_input: 'DataError',
  no_memory: 'OperationError',
  cancelled: 'AbortError',
  closed: 'InvalidStateError',
  lost: 'OperationError',
  io: 'OperationError',
} as const

export function asDomException(error: unknown): unknown {
  return error instanceof NearfieldError
    ? new DOMException(error.message, NAMES[error.code])
    : error
}

interface Quota {
  readonly requested: number
  readonly quota: number
}
type QuotaClass = new (message: string, options: Quota) => DOMException & Quota

/** Where the browser has no such class yet: a DOMException of that name with both numbers. */
class OwnQuotaExceededError extends DOMException implements Quota {
  readonly requested: number
  readonly quota: number
  constructor(message: string, { requested, quota }: Quota) {
    super(message, 'QuotaExceededError')
    this.requested = requested
    this.quota = quota
  }
}

/** source https://webidl.spec.whatwg.org/#quotaexceedederror */
export function quotaExceeded(requested: number, quota: number): DOMException & Quota {
  const Known = (globalThis as { QuotaExceededError?: QuotaClass }).QuotaExceededError
  const line = `the input needs ${requested} tokens, there is room for ${quota}`
  return new (Known ?? OwnQuotaExceededError)(line, { requested, quota })
}

export const notSupported = (line: string) => new DOMException(line, 'NotSupportedError')
