/**
 * The shapes that cross the SDK's surface. Owns no behaviour.
 * Read next: nearfield.ts (the class), captions.ts, protocol.ts (worker messages).
 */

/** What an edit is for. What the device does not offer (Status.tasks) rejects as 'unsupported'. */
export type Task = 'fix' | 'shorten' | 'formal' | 'casual' | 'simple' | 'rewrite'
/** How soon: a person waits > the cue in hand > the cues after it > when there is nothing else. */
export type Priority = 'now' | 'focus' | 'next' | 'idle'
/** 'available': stored in this browser. 'downloading': by this or another tab. */
export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available'

/** What the engine computes with. */
export type Backend = 'webgpu' | 'wasm'
/**
 * Why there. On either: 'asked' (OpenOptions.backend). On webgpu: 'faster' (measured here),
 * 'no_memory' (for the model on the CPU).
 * On wasm: 'slower' (the GPU was, measured here), 'unmeasured' (not compared yet), 'no_webgpu',
 * 'software_adapter' (a CPU that plays GPU), 'refused' (the GPU or a driver test said no),
 * 'no_memory' and 'lost' (of the GPU).
 */
export type BackendWhy =
  | 'asked'
  | 'faster'
  | 'slower'
  | 'unmeasured'
  | 'no_webgpu'
  | 'software_adapter'
  | 'refused'
  | 'no_memory'
  | 'lost'

/**
 * Where an edit may run, in Firebase's words. 'prefer_on_device': on the device as long as it answers
 * in time. 'only_on_device': nothing of the edit is ever sent.
 */
export type RouteMode = 'prefer_on_device' | 'only_on_device' | 'only_in_cloud' | 'prefer_in_cloud'

/** A server that edits too (nearfield-server's POST /v1/edit), and what it costs. */
export interface ServerPlace {
  /** What '/edit' comes behind, e.g. '/v1' or 'https://edits.example/v1'. */
  url: string | URL
  /** Sent as Authorization: Bearer, where the server asks for one. */
  token?: string
  /** Of the server's models; default: its own. */
  model?: string
  /** US dollars for a million tokens read and written; default 0. */
  inputUsd?: number
  outputUsd?: number
  /** US dollars that edits of this object may cost in all; default: no limit. */
  budgetUsd?: number
  /** US dollars that a second less of waiting may cost; default: money does not weigh. */
  secondUsd?: number
  /** Milliseconds of waiting that nobody minds: the preferred place goes first within them. Default 400. */
  patienceMs?: number
}

/** What Nearfield.open() takes. */
export interface OpenOptions {
  /** Folder URL that holds manifest.json, e.g. '/models/smollm2-135m-instruct/'. */
  model: string | URL
  /**
   * Answers edits where the device does not: while the model loads, when it fails, or when the server
   * is preferred (docs/router.md). With it open() resolves at once, and `status` tells how the model
   * comes along. A string is the URL alone.
   */
  server?: string | URL | ServerPlace
  /** Of every edit that names none; default 'prefer_on_device'. Without a server: the device alone. */
  mode?: RouteMode
  /** Called while bytes arrive; loaded and total are bytes. 0 and total are always reported. */
  onProgress?: (progress: { loaded: number; total: number; stage: 'download' | 'load' }) => void
  /** Threads of the engine; default: measured, at most 8; 1 where the page is not isolated. */
  threads?: number
  /**
   * Default 'auto': the CPU, until an idle moment after the first open has shown that the GPU is
   * faster for this model; what was found is kept. 'webgpu' rejects as 'unsupported' where there is
   * none, and takes a software adapter too.
   */
  backend?: 'auto' | Backend
  /** Called when `status` has changed by itself: another backend, a device lost and found. */
  onStatus?: (status: Status) => void
  /**
   * Asked before anything but manifest.json is downloaded; false rejects as 'cancelled', and nothing
   * was fetched; with a server the edits then go there. Not asked when all of it is stored here.
   */
  consent?: (need: DownloadNeed) => boolean | Promise<boolean>
  /** Aborting rejects with its reason; what was downloaded is kept for the next time. */
  signal?: AbortSignal
}

/** What a download costs. */
export interface DownloadNeed {
  /** Of the model and its adapters, what is not stored here. */
  bytes: number
  /** All of them. */
  total: number
  /** Has the user asked the browser to save data? false where the browser does not say. */
  saveData: boolean
}

/** One caption and what is wanted of it. Limits that are not given do not apply. */
export interface EditRequest {
  task: Task
  /** As the file holds it, tags included. */
  text: string
  /** Whose markup the text has (tags, entities); default 'srt'. */
  format?: CaptionFormat
  /** The captions before and after it; read, never changed. */
  context?: { before?: string; after?: string }
  /** Visible characters (grapheme clusters), line breaks not counted. */
  maxChars?: number
  maxLines?: number
  /** Characters a second; needs durationMs. */
  maxCps?: number
  durationMs?: number
  /** What must come back as it is: words, or whatever an expression finds in the text. */
  protect?: (string | RegExp)[]
  /** Distinct versions wanted, at most 5; default 1. There may be fewer. */
  variants?: number
  /** Of the versions after the first: the same seed gives the same ones. Default 0. */
  seed?: number
  /**
   * From Nearfield.adapter(), of the same object. With it the prompt, task and gate it carries.
   * Not given: the model's own for the task, where its manifest lists one; null: none.
   */
  adapter?: Adapter | null
  /** Ask the model itself, also for a task that goes by rules or is not offered: to measure it. */
  evenIfPoor?: boolean
  signal?: AbortSignal
  /** Default 'now'. A more urgent request starts within one pass of the model. */
  priority?: Priority
  /**
   * What the request is about, e.g. the cue's id. A newer request with the same key ends the
   * older one, waiting or running: it rejects with a SupersededError (an AbortError).
   */
  key?: string
  /** Default: that of OpenOptions. 'only_in_cloud' without a server rejects as 'unsupported'. */
  mode?: RouteMode
  /**
   * Milliseconds from now within which the answer is of use: a place that makes it goes before one
   * that does not. Ends nothing (that is what `signal` is for).
   */
  deadlineMs?: number
}

/** A LoRA beside the model, as Nearfield.adapter() opened it. A plain value. */
export interface Adapter {
  /** Of its file: what it is known by. */
  sha256: string
  name: string
  /** The one task it was trained for, which it makes an offered one; null: any. */
  task: Task | null
  bytes: number
}

/** What Nearfield.variants() takes: an edit, and how many versions of it. */
export type VariantsRequest = Omit<EditRequest, 'variants'> & {
  /** Distinct versions wanted, at most 5; default 3. There may be fewer. */
  n?: number
}

/** One caption to prepare an answer for; of an EditRequest what the answer depends on. */
export type PrefetchCue = Omit<
  EditRequest,
  'task' | 'signal' | 'priority' | 'key' | 'mode' | 'deadlineMs'
>

/** What Nearfield.prefetch() takes beside the cues. */
export interface PrefetchOptions {
  task: Task
  /** Default 'idle'. A call replaces what earlier ones of the same priority still wait for. */
  priority?: Exclude<Priority, 'now'>
}

/** Offsets into the input in UTF-16 units; input.slice(start, end) becomes replacement. */
export interface Change {
  start: number
  end: number
  replacement: string
}

/** One way the caption could be. */
export interface Variant {
  text: string
  changes: Change[]
  why: string
}

/** Where an edit ran, why there, and what it cost. Times are of the wall clock. */
export interface Receipt {
  source: 'device' | 'server'
  backend: Backend | 'native' | 'upstream'
  /** Why on that backend. */
  backendWhy: BackendWhy
  /**
   * GPU kernels that failed their test here and were replaced by plain ones, by name; '' none.
   */
  replacedKernels: string
  model: { id: string; sha256: string }
  /** What tuned the model for this edit. */
  adapter: { name: string; sha256: string } | null
  /** Why the model's own adapter for the task was not used, when it should have been; else ''. */
  adapterProblem: string
  queueMs: number
  firstTokenMs: number
  totalMs: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  passes: number
  /** Tokens of the caption offered as the answer, and how many of them the model held right. */
  drafted: number
  accepted: number
  /** Tokens copied against the model's choice: of a number, a name or a protected term. */
  forced: number
  bytesSent: number
  costUsd: number
  /**
   * 'device'; 'prefetched', 'remembered': known before it was asked for. With a server the router's
   * reason, e.g. 'device_preferred', 'device_loading' (docs/router.md).
   */
  why: string
  /** What was tried, in order; the last one answered. 'lost': the GPU went, and it ran again. */
  attempts: Attempt[]
}
/** One try to answer a request. */
export interface Attempt {
  source: Receipt['source']
  backend: Receipt['backend']
  /**
   * 'cancelled': the other place answered first. 'timeout': given up. 'network': no answer, or one
   * that is none.
   */
  outcome: 'ok' | 'lost' | 'no_memory' | 'refused' | 'network' | 'timeout' | 'cancelled'
  ms: number
}

/** The caption as it could be; nothing is applied. */
export interface EditResult {
  /** The input itself unless the verdict is 'changed'. */
  text: string
  /** 'unfit': no answer kept to the limits. */
  verdict: 'changed' | 'unchanged' | 'unfit'
  /** Why unchanged or unfit, for a person: 'ok', 'number lost', 'too long', ... */
  why: string
  changes: Change[]
  /** The distinct versions, this one first; none unless the verdict is 'changed'. */
  variants: Variant[]
  receipt: Receipt
}

/** Answers of one place. */
export interface LedgerPlace {
  /** Those that were taken. */
  edits: number
  /** Milliseconds waited for them. */
  ms: number
}
/** What the edits of one object have cost, and what they would have cost elsewhere; a copy. */
export interface LedgerSums {
  device: LedgerPlace
  server: LedgerPlace & {
    /** Requests, those whose answer was not taken as well. */
    requests: number
    /** Bytes of their bodies. */
    bytesSent: number
    /** US dollars spent, by the prices of ServerPlace; and of those for answers that were not taken. */
    usd: number
    wastedUsd: number
  }
  /** By answering on the device, against what the server was known to take. */
  saved: { usd: number; ms: number }
  /** Edits nobody could answer; those that the page aborted are none of them. */
  failed: number
}

/** What the device and the engine are, for a device chip or a report. */
export interface Status {
  /** With a server: 'loading' again when a worker has ended; 'absent' when no model can be had. */
  state: 'absent' | 'loading' | 'ready' | 'lost' | 'closed'
  backend: Backend
  backendWhy: BackendWhy
  /** Why, for a person: what was measured, or what the GPU said. */
  backendReason: string
  /** The GPU as the browser names it, also when the CPU runs; '' when none was found or looked for. */
  gpu: string
  kernels: string
  /** As in a receipt. */
  replacedKernels: string
  threads: number
  isolated: boolean
  /** What there was to choose from; null until a model was opened. */
  probe: Probe | null
  model: { id: string; sha256: string; bytes: number } | null
  /** Was the model read from the browser's own storage (works offline)? */
  cached: boolean
  /** Has the browser promised not to clear that storage by itself? false where it does not say. */
  persisted: boolean
  /** What Nearfield.adapter() opened, and the model's own. */
  adapters: Adapter[]
  /** Every task, and whether the device offers it. */
  tasks: TaskOffer[]
}
/** What a browser tells of the device; Nearfield.report() has all of it. */
export interface Probe {
  /** Logical processors; 0: not told. */
  cores: number
  /** Rounded by the browser, which caps it (at 8 GB, most of them); 0: not told. */
  memoryGb: number
  /** The user asks pages to spend little of the network. */
  saveData: boolean
  /** Of the GPU in `gpu`: what of 'shader-f16' and 'subgroups' it has. */
  gpuFeatures: string[]
  /** Of the same: the most bytes that a kernel reaches in one buffer; 0: no GPU. */
  gpuBindingBytes: number
}
/** offered: better on the device than doing nothing. `why`, when not: what was measured. */
export interface TaskOffer {
  task: Task
  offered: boolean
  why: string
}

/** SubRip and WebVTT. */
export type CaptionFormat = 'srt' | 'vtt'
/** One caption. */
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
/** A caption file, read. `warnings` say what was odd and where; it is kept as it was. */
export interface CaptionFile {
  format: CaptionFormat
  cues: CaptionCue[]
  warnings: { line: number; what: string }[]
}
/** How much a text is to read; tags are not counted. */
export interface Measure {
  /** Visible characters (grapheme clusters), line breaks not counted. */
  chars: number
  lineCharsMax: number
  lines: number
}
/** What a finding is about. */
export type LintRule =
  | 'cps'
  | 'line-length'
  | 'line-count'
  | 'duration-short'
  | 'duration-long'
  | 'gap'
  | 'overlap'
/** A limit that a cue breaks, and by how much. */
export interface LintFinding {
  /** Index into the cues that were given. */
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
  /** A LoRA beside the model. */
  adapter(url: string | URL, options?: { signal?: AbortSignal }): Promise<Adapter>
  /** One caption. */
  edit(request: EditRequest): Promise<EditResult>
  /** Distinct versions of one caption, the likeliest first. */
  variants(request: VariantsRequest): AsyncGenerator<Variant, EditResult>
  /** Idle work for what is likely to be asked next. */
  prefetch(cues: readonly PrefetchCue[], options: PrefetchOptions): void
  readonly status: Status
  /** What the edits of this object have cost so far, and what they have saved. */
  ledger(): LedgerSums
  /** A page of Markdown for an issue. */
  report(): Promise<string>
  /** Frees the worker; what runs rejects with AbortError. */
  close(): void
}
