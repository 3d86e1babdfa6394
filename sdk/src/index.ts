/**
 * Small language models beside the cursor: edits, texts and caption files, in a worker. The
 * package's whole surface but for the shapes of others (nearfield/web, /react, /ai-sdk).
 * @module nearfield
 */
export { captions } from './captions.ts'
export type {
  ChatApi,
  ChatChunk,
  ChatCompletion,
  ChatFinish,
  ChatMessage,
  ChatOptions,
  ChatParams,
  ChatStream,
  ChatUsage,
} from './chat/types.ts'
export { type ErrorCode, NearfieldError, SupersededError } from './error.ts'
export type {
  GenerateReceipt,
  GenerateRequest,
  GenerateResult,
  Message,
  TokenCount,
} from './generate.ts'
export type { ModelOffer } from './model/offers.ts'
export { Nearfield } from './nearfield.ts'
export { type PackedCues, type PackedStrings, packCues, unpackCues } from './pack.ts'
export type { Bench } from './protocol.ts'
export type { StatusCode } from './status.gen.ts'
export type {
  Adapter,
  Attempt,
  Availability,
  Backend,
  BackendWhy,
  CaptionCue,
  CaptionFile,
  CaptionFormat,
  CaptionsApi,
  Change,
  DownloadNeed,
  EditRequest,
  EditResult,
  LedgerPlace,
  LedgerSums,
  LintFinding,
  LintRule,
  Measure,
  NearfieldApi,
  OpenOptions,
  PrefetchCue,
  PrefetchOptions,
  Priority,
  Probe,
  Receipt,
  RouteMode,
  ServerPlace,
  Status,
  Task,
  TaskOffer,
  Variant,
  VariantsRequest,
} from './types.ts'
