/**
 * The shapes that cross the SDK's surface. Owns no behaviour.
 * Read next: nearfield.ts (the class), captions.ts, protocol.ts (worker messages).
 */

export type Task = 'fix' | 'shorten' | 'formal' | 'casual' | 'simple' | 'rewrite'
export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available'

export interface OpenOptions {
  /** Folder URL that holds manifest.json, e.g. '/models/smollm2-135m-instruct/'. */
  model: string | URL
  /** Called while bytes arrive; loaded and total are bytes. 0 and total are always reported. */
  onProgress?: (progress: { loaded: number; total: number; stage: 'download' | 'load' }) => void
  /** Threads of the engine; default: measured, at most 8; 1 where the page is not isolated. */
  threads?: number
  signal?: AbortSignal
}

export interface EditRequest {
  task: Task
  text: string
  /** Whose markup the text has (tags, entities); default 'srt'. */
  format?: CaptionFormat
  context?: { before?: string; after?: string }
  maxChars?: number
  maxLines?: number
  maxCps?: number
  durationMs?: number
  protect?: string[]
  signal?: AbortSignal
}

/** Offsets into the input in UTF-16 units; input.slice(start, end) becomes replacement. */
export interface Change {
  start: number
  end: number
  replacement: string
}

export interface Receipt {
  source: 'device' | 'server'
  backend: 'webgpu' | 'wasm' | 'native' | 'upstream'
  model: { id: string; sha256: string }
  queueMs: number
  firstTokenMs: number
  totalMs: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  passes: number
  drafted: number
  accepted: number
  bytesSent: number
  costUsd: number
  why: string
  attempts: { source: 'device' | 'server'; outcome: string; ms: number }[]
}

export interface EditResult {
  text: string
  verdict: 'changed' | 'unchanged' | 'unfit'
  /** Why unchanged or unfit, for a person: 'ok', 'number lost', 'too long', ... */
  why: string
  changes: Change[]
  receipt: Receipt
}

/** What the device and the engine are, for a device chip or a report. */
export interface Status {
  state: 'absent' | 'loading' | 'ready' | 'lost' | 'closed'
  backend: 'wasm' | 'webgpu'
  kernels: string
  threads: number
  isolated: boolean
  model: { id: string; sha256: string; bytes: number } | null
  /** Was the model read from the browser's own storage (works offline)? */
  cached: boolean
}

export type CaptionFormat = 'srt' | 'vtt'
export interface CaptionCue {
  /** Index of the cue in the opened file; null for one added since. */
  source: number | null
  startMs: number
  endMs: number
  /** As the file holds it, tags included, lines separated by '\n'. */
  text: string
  settings: string
  label: string
}
export interface CaptionFile {
  format: CaptionFormat
  cues: CaptionCue[]
  warnings: { line: number; what: string }[]
}
export interface Measure {
  /** Visible characters (grapheme clusters), line breaks not counted. */
  chars: number
  lineCharsMax: number
  lines: number
}
export type LintRule =
  | 'cps'
  | 'line-length'
  | 'line-count'
  | 'duration-short'
  | 'duration-long'
  | 'gap'
  | 'overlap'
export interface LintFinding {
  cue: number
  rule: LintRule
  /** cps: times 100; characters, lines or milliseconds otherwise. */
  value: number
  limit: number
}

/** Captions.* run in a worker over the same C code as the command line. No model is needed. */
export interface CaptionsApi {
  /** Rejects with a NearfieldError 'bad_input' whose message is one line for a person. */
  parse(file: Uint8Array): Promise<CaptionFile>
  /**
   * The bytes to save. `original` is the file as opened (null: a new document): whatever was not
   * changed is written byte for byte.
   */
  write(
    original: Uint8Array | null,
    cues: readonly CaptionCue[],
    format: CaptionFormat,
  ): Promise<Uint8Array>
  /** Findings in the order of the cues; `cue` is an index into `cues`. */
  lint(
    cues: readonly CaptionCue[],
    format: CaptionFormat,
    profile?: 'netflix',
  ): Promise<LintFinding[]>
  /** One measure a text, in their order. */
  measure(texts: readonly string[], format: CaptionFormat): Promise<Measure[]>
}

/** The class `Nearfield` (nearfield.ts) implements this; apps may type against it. */
export interface NearfieldApi {
  edit(request: EditRequest): Promise<EditResult>
  readonly status: Status
  /** Frees the worker; what runs rejects with AbortError. */
  close(): void
}
