/**
 * The shapes of OpenAI's chat completions, as far as a local model fills them. Where the `openai`
 * npm client has a type, ours stands for it (completions.test.ts asserts that), so that an app can
 * keep its code; the client itself is not needed. Owns no behaviour.
 * source https://platform.openai.com/docs/api-reference/chat
 */

/** One turn; parts of text count as their concatenation. */
export interface ChatMessage {
  /** 'developer' is another name of 'system'. */
  role: 'system' | 'developer' | 'user' | 'assistant'
  content: string | { type: 'text'; text: string }[]
  /** Accepted, not used. */
  name?: string
}

/**
 * What create() takes. Anything else is refused as 'unsupported' unless it is null, false or empty;
 * `user`, `metadata`, `store`, `safety_identifier`, `prompt_cache_key` and `service_tier` are
 * accepted and change nothing.
 */
export interface ChatParams {
  messages: ChatMessage[]
  /** The id of the open model (status.model.id); not given: that one. */
  model?: string
  stream?: boolean | null
  stream_options?: { include_usage?: boolean; include_obfuscation?: boolean } | null
  /** 1 to 8; they are worked out one after the other. */
  n?: number | null
  /** At most 4. */
  stop?: string | string[] | null
  /** Not given: another one each time. */
  seed?: number | null
  /** 0 to 2, default 1. */
  temperature?: number | null
  top_p?: number | null
  presence_penalty?: number | null
  frequency_penalty?: number | null
  max_tokens?: number | null
  max_completion_tokens?: number | null
}

/** What a call takes beside its parameters. */
export interface ChatOptions {
  signal?: AbortSignal | null
}

/** How an answer ended: by the model or a stop, or by a limit. */
export type ChatFinish = 'stop' | 'length'

/** Tokens of a call, in OpenAI's names. */
export interface ChatUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
}

/** A whole answer. */
export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  /** Seconds since 1970. */
  created: number
  model: string
  choices: {
    index: number
    message: { role: 'assistant'; content: string; refusal: null }
    logprobs: null
    finish_reason: ChatFinish
  }[]
  usage: ChatUsage
}

/** A piece of an answer. The last one, where usage is asked for, has no choice. */
export interface ChatChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  choices: {
    index: number
    delta: { role?: 'assistant'; content?: string }
    logprobs: null
    finish_reason: ChatFinish | null
  }[]
  usage?: ChatUsage | null
}

/** An answer on its way: to be iterated once; leaving the loop, or the controller, ends the work. */
export interface ChatStream extends AsyncIterable<ChatChunk> {
  readonly controller: AbortController
  /** Newline-delimited JSON, one chunk a line. */
  toReadableStream(): ReadableStream<Uint8Array>
}

/** Nearfield.chat: OpenAI's shape over the model that is open. */
export interface ChatApi {
  readonly completions: {
    /** The answer as it comes. */
    create(params: ChatParams & { stream: true }, options?: ChatOptions): Promise<ChatStream>
    /** The whole answer. */
    create(
      params: ChatParams & { stream?: false | null },
      options?: ChatOptions,
    ): Promise<ChatCompletion>
    /** Either, by `stream`. */
    create(params: ChatParams, options?: ChatOptions): Promise<ChatCompletion | ChatStream>
  }
}
