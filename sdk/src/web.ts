/**
 * `nearfield/web`: the classes of the W3C's drafts over a local model, the same for every browser.
 * Each takes two options that the drafts lack: `model`, a folder's URL, or `nearfield`, an open one.
 * @module nearfield/web
 */

export {
  LanguageModel,
  type LanguageModelCoreOptions,
  type LanguageModelExpected,
  type LanguageModelOptions,
  type OverflowHandler,
  type PromptOptions,
} from './web/language_model.ts'
export type { LanguageOptions, Languages } from './web/languages.ts'
export {
  type CallOptions,
  type CreateOptions,
  DownloadMonitor,
  type ModelOptions,
} from './web/life.ts'
export { setModel } from './web/models.ts'
export type { Prompt, PromptContent, PromptMessage } from './web/prompt.ts'
export {
  type ProofreadCorrection,
  Proofreader,
  type ProofreaderCoreOptions,
  type ProofreaderOptions,
  type ProofreadResult,
} from './web/proofreader.ts'
export {
  type RewriteOptions,
  Rewriter,
  type RewriterCoreOptions,
  type RewriterFormat,
  type RewriterLength,
  type RewriterOptions,
  type RewriterTone,
} from './web/rewriter.ts'
export type { SamplingMode, SamplingOptions } from './web/sampling.ts'
export {
  type PerformancePreference,
  type SummarizeOptions,
  Summarizer,
  type SummarizerCoreOptions,
  type SummarizerFormat,
  type SummarizerLength,
  type SummarizerOptions,
  type SummarizerType,
} from './web/summarizer.ts'
export {
  type WriteOptions,
  Writer,
  type WriterCoreOptions,
  type WriterFormat,
  type WriterLength,
  type WriterOptions,
  type WriterTone,
} from './web/writer.ts'
export type { WritingOptions } from './web/writing.ts'
