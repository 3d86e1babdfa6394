/**
 * Edits by a server: POST /v1/edit of nearfield-server (docs/server.md). Owns the request, what is
 * believed of the answer, and the kinds of failure. Does not decide when a server is asked, how long
 * it may take (the signal says) or whether it is asked again.
 */
import { NearfieldError } from '../error.ts'
import type { EditArgs } from '../protocol.ts'
import type { EditResult } from '../types.ts'
import { editResultOf } from './answer.ts'
import { ServerError } from './error.ts'

export interface ServerOptions {
  /** What '/edit' comes behind, e.g. '/v1' or 'https://edits.example/v1'. */
  url: string | URL
  /** Sent as Authorization: Bearer, where the server asks for one. */
  token?: string
  /** Of the server's models; default: its own. */
  model?: string
  fetch?: typeof fetch
}

/** An answer has a few KB; what is longer is none. */
const ANSWER_BYTES_MAX = 1 << 20

export class ServerEdits {
  readonly #url: string
  readonly #options: ServerOptions

  constructor(options: ServerOptions) {
    const base = typeof document === 'undefined' ? undefined : document.baseURI
    try {
      this.#url = new URL(`${String(options.url).replace(/\/$/, '')}/edit`, base).href
    } catch (cause) {
      const line = `server: '${options.url}' is not a URL; expected one such as '/v1'`
      throw new NearfieldError('bad_input', line, { cause })
    }
    this.#options = options
  }

  /**
   * Rejects with a ServerError, or the signal's reason. An adapter is of the device: a request that
   * names one rejects as 'refused' without being sent. null goes without the server's own, too.
   */
  async edit(args: EditArgs, signal: AbortSignal): Promise<EditResult> {
    signal.throwIfAborted()
    const body = new TextEncoder().encode(JSON.stringify(this.#asked(args)))
    const from = performance.now()
    const response = await this.#send(body, signal)
    const bytes = await this.#read(response, signal)
    if (!response.ok) throw this.#refusal(response, bytes)
    const answer = this.#answer(bytes, args, response.status)
    return received(answer, body.length, performance.now() - from)
  }

  #asked(args: EditArgs): object {
    if (args.adapter) {
      const line = `${this.#url}: a server has no adapter '${args.adapter.name}' of this page`
      throw new ServerError('refused', line, {}, 'unsupported')
    }
    const { model } = this.#options
    return model === undefined ? args : { ...args, model }
  }

  async #send(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Response> {
    const { token, fetch: ask = fetch } = this.#options
    const headers = new Headers({ 'content-type': 'application/json' })
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    let response: Response
    try {
      response = await ask(this.#url, { method: 'POST', body, headers, signal, redirect: 'manual' })
    } catch (cause) {
      signal.throwIfAborted()
      throw new ServerError('network', `${this.#url}: no answer`, { cause })
    }
    const { status } = response
    if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
      throw new ServerError('redirected', `${this.#url}: sends us elsewhere`, { status })
    }
    return response
  }

  async #read(response: Response, signal: AbortSignal): Promise<Uint8Array> {
    const { status } = response
    const pieces: Uint8Array[] = []
    let length = 0
    const reader = response.body?.getReader() // Safari long had no `for await` over a stream
    try {
      for (;;) {
        const piece = (await reader?.read())?.value
        if (!piece) break
        pieces.push(piece)
        length += piece.length
        if (length > ANSWER_BYTES_MAX) break
      }
    } catch (cause) {
      signal.throwIfAborted()
      throw new ServerError('network', `${this.#url}: the answer broke off`, { status, cause })
    }
    if (length > ANSWER_BYTES_MAX) {
      reader?.cancel().catch(() => {}) // ends the transfer
      const line = `${this.#url}: an answer of over ${ANSWER_BYTES_MAX} bytes`
      throw new ServerError('invalid', line, { status })
    }
    const bytes = new Uint8Array(length)
    let at = 0
    for (const piece of pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }

  #answer(bytes: Uint8Array, args: EditArgs, status: number): ReturnType<typeof editResultOf> {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      return editResultOf(JSON.parse(text), args)
    } catch (cause) {
      const line = `${this.#url}: not an answer to the edit: ${(cause as Error).message}`
      throw new ServerError('invalid', line, { status, cause })
    }
  }

  #refusal(response: Response, bytes: Uint8Array): ServerError {
    const { status, headers } = response
    const said = saidIn(bytes)
    const line = `${this.#url}: ${status}${said && `: ${said}`}`
    const retryAfterMs = retryAfterOf(headers.get('retry-after'))
    if (status === 429 || status === 503) {
      return new ServerError('busy', line, { status, retryAfterMs })
    }
    if (status >= 500) return new ServerError('server', line, { status, retryAfterMs })
    const own = status === 400 || status === 413
    return new ServerError('refused', line, { status }, own ? 'bad_input' : 'unsupported')
  }
}

/** The message of OpenAI's error object, one line; '' none. */
function saidIn(bytes: Uint8Array): string {
  try {
    const { message } = JSON.parse(new TextDecoder().decode(bytes)).error
    return typeof message === 'string' ? message.replace(/\s+/g, ' ').slice(0, 300) : ''
  } catch {
    return ''
  }
}

/** Seconds or a date. source RFC 9110, 10.2.3 */
function retryAfterOf(value: string | null): number | null {
  if (value === null) return null
  const ms = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}

/** What only this side knows is put in; what a server says of the device is not taken over. */
function received(
  { receipt, ...result }: ReturnType<typeof editResultOf>,
  bytesSent: number,
  ms: number,
): EditResult {
  const told = receipt as unknown as EditResult['receipt']
  const { backend } = told
  const where = {
    source: 'server',
    backendWhy: 'asked',
    replacedKernels: '',
    why: 'server',
  } as const
  const none = { adapter: null, adapterProblem: '' }
  const attempts = [{ source: 'server', backend, outcome: 'ok', ms } as const]
  return { ...result, receipt: { ...none, ...told, ...where, bytesSent, attempts } }
}
