/** Errors as they come from the engine and cross from the worker. Owns the shape on the wire. */
import { abortError } from './abort_error.ts'
import { type ErrorCode, NearfieldError } from './error.ts'
import { statusCodes } from './status.gen.ts'

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
