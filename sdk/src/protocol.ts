/**
 * Messages between the page and engine.worker.ts. One table of calls types both ends.
 * Owns the shapes only. Read next: channel.ts (page side), worker/serve.ts (worker side).
 */

import type { GenerateArgs, GenerateResult, Message, TokenCount } from './generate.ts'
import type { PackedCues, PackedFindings, PackedStrings } from './pack.ts'
import type {
  Adapter,
  CaptionFile,
  CaptionFormat,
  EditRequest,
  EditResult,
  OpenOptions,
  Status,
} from './types.ts'
import type { WireError } from './wire_error.ts'

/** Medians: tokens a second decoding one at a time, and in passes of 32 rows. */
export interface Bench {
  decodeTokS: number
  rows32TokS: number
  /** A 128-token prefix from nothing. */
  prefillMs: number
}

/** An edit request as it crosses: expressions are words by now (protect.ts). */
export type EditArgs = Omit<EditRequest, 'signal' | 'key' | 'protect'> & { protect?: string[] }

export interface Calls {
  open: {
    args: { model: string; threads: number | null; backend: NonNullable<OpenOptions['backend']> }
    value: Status
  }
  adapter: { args: { url: string }; value: Adapter }
  edit: { args: EditArgs; value: EditResult }
  /** Its text comes in pieces before the value. */
  generate: { args: GenerateArgs; value: GenerateResult }
  tokens: { args: { messages: Message[] }; value: TokenCount }
  bench: { args: { repeats: number }; value: Bench }
  parse: {
    args: { file: Uint8Array }
    value: Omit<CaptionFile, 'cues'> & { cues: PackedCues }
  }
  write: {
    args: { original: Uint8Array | null; cues: PackedCues; format: CaptionFormat }
    value: Uint8Array
  }
  lint: {
    args: { cues: PackedCues; format: CaptionFormat; profile: string }
    value: PackedFindings
  }
  measure: { args: { texts: PackedStrings; format: CaptionFormat }; value: Float64Array }
}
export type CallName = keyof Calls
export type Progress = Parameters<NonNullable<OpenOptions['onProgress']>>[0]

/** sentAt: performance.timeOrigin + performance.now() of the page, for the queue's time. */
export type CallMessage = {
  [Name in CallName]: {
    kind: 'call'
    id: number
    name: Name
    args: Calls[Name]['args']
    sentAt: number
  }
}[CallName]
/** start comes first and once: where the wasm module to use lies. */
export type ToWorker =
  | { kind: 'start'; wasm: string }
  | CallMessage
  | { kind: 'cancel'; id: number }
  /** The browser has granted storage that lasts. */
  | { kind: 'persisted' }

export type FromWorker =
  | { kind: 'value'; id: number; value: Calls[CallName]['value'] }
  | { kind: 'failure'; id: number; error: WireError }
  | { kind: 'progress'; id: number; progress: Progress }
  | { kind: 'piece'; id: number; piece: string }
  | { kind: 'status'; status: Status }
  /** The model was downloaded and stored: the page, which alone may, asks for storage that lasts. */
  | { kind: 'kept' }

/** To a worker that lends itself to the engine as a thread; see src/os/os_wasm.c. */
export interface ThreadStart {
  kind: 'thread'
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  slot: number
  stackTop: number
  tls: number
}
/** What that worker answers before it parks for good. */
export interface ThreadParked {
  kind: 'parked'
}

/** To a worker that hashes for another; see worker/hasher.ts. The buffer goes along. */
export interface HashAsked {
  kind: 'hash'
  bytes: Uint8Array<ArrayBuffer>
  /** Each so many bytes have a hash of their own; the last may be fewer. */
  chunkBytes: number
}
/** Its answer: SHA-256 of each chunk in hex, and the buffer back. In the order of what was asked. */
export interface HashTold {
  hashes: string[]
  bytes: Uint8Array<ArrayBuffer>
}
