/**
 * The server's job routes, as the page calls them: what is offered, jobs, results. Owns
 * the token of this tab and how a refused request becomes a JobError. Tries nothing twice: that is
 * jobs.ts. Read next: events.ts, tus.ts, docs/server.md "Jobs".
 */
import type { EventSourceOptions, JobEvent } from './events'
import { readEvents } from './events'
import { errorLine, JobError } from './problem'
import type { Tus } from './tus'
import { HttpTus } from './tus'

export type JobKind = 'transcribe' | 'render'
export type JobState =
  | 'queued'
  | 'running'
  | 'done'
  | 'failed'
  | 'dead'
  | 'cancelling'
  | 'cancelled'

export interface Kind {
  readonly ready: boolean
  /** Why not, with the command that mends it. */
  readonly mend: string | null
}

export interface Offer {
  readonly kinds: ReadonlyMap<string, Kind>
  readonly uploadBytesMax: number
}

export interface Job {
  readonly id: string
  readonly kind: JobKind
  readonly state: JobState
  /** 0 to 1. */
  readonly progress: number
  readonly error?: string
  readonly result?: { readonly files: readonly { readonly name: string; readonly bytes: number }[] }
}

export type JobRequest =
  | {
      readonly kind: 'transcribe'
      readonly input: { readonly upload: string }
      readonly language?: string
    }
  | ({
      readonly kind: 'render'
      readonly input: { readonly upload: string }
      readonly captions: { readonly upload: string }
    } & RenderOptions)

export interface RenderOptions {
  readonly mode: 'burn-in' | 'soft'
  readonly container: 'mp4' | 'mkv' | 'webm'
  readonly preset: 'fast' | 'balanced' | 'small'
  readonly size: 'small' | 'medium' | 'large'
}

/** What the flow asks of a server; tests hold one in memory. */
export interface JobsClient {
  /** Null: the tab has none. */
  token(): string | null
  setToken(token: string): void
  readonly tus: Tus
  offer(): Promise<Offer>
  /** The same key gives the same job. */
  start(request: JobRequest, key: string): Promise<Job>
  get(id: string, signal?: AbortSignal): Promise<Job>
  cancel(id: string): Promise<Job>
  events(id: string, options: EventSourceOptions): AsyncGenerator<JobEvent>
  /** A file of the result, as text. */
  text(id: string, name: string, signal: AbortSignal): Promise<string>
  /** Gives the result to the browser's downloads. */
  download(id: string, name: string): Promise<void>
}

const TOKEN = 'nearfield/token'

export class HttpJobs implements JobsClient {
  readonly tus = new HttpTus(
    (url, init) => this.#ask(url, init),
    () => this.#headers(),
  )

  /** Holds it where the browser lets this page keep nothing. */
  #token: string | null = null

  token(): string | null {
    try {
      return sessionStorage.getItem(TOKEN) ?? this.#token
    } catch {
      return this.#token
    }
  }

  setToken(token: string): void {
    this.#token = token.trim()
    try {
      sessionStorage.setItem(TOKEN, this.#token)
    } catch {
      // then it holds as long as the page
    }
  }

  async offer(): Promise<Offer> {
    const reply = await (await this.#ask('/v1/jobs')).json().catch(() => null)
    const kinds: unknown = reply?.kinds
    if (!Array.isArray(kinds)) throw new JobError(404, 'this server does not say what it can do')
    return {
      kinds: new Map(kinds.map(({ kind, ready, mend }) => [kind, { ready, mend }])),
      uploadBytesMax: Number(reply.upload_bytes_max) || 0,
    }
  }

  async start(request: JobRequest, key: string): Promise<Job> {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key }
    const body = JSON.stringify(request)
    return (await this.#ask('/v1/jobs', { method: 'POST', headers, body })).json()
  }

  async get(id: string, signal?: AbortSignal): Promise<Job> {
    return (await this.#ask(`/v1/jobs/${id}`, signal ? { signal } : {})).json()
  }

  async cancel(id: string): Promise<Job> {
    return (await this.#ask(`/v1/jobs/${id}`, { method: 'DELETE' })).json()
  }

  async *events(id: string, { after, signal }: EventSourceOptions): AsyncGenerator<JobEvent> {
    const headers: Record<string, string> = after > 0 ? { 'Last-Event-ID': String(after) } : {}
    const reply = await this.#ask(`/v1/jobs/${id}/events`, { headers, signal })
    if (reply.status === 204 || !reply.body) return
    try {
      yield* readEvents(reply.body)
    } catch {
      signal.throwIfAborted()
      throw new JobError(0, 'the connection was lost')
    }
  }

  async text(id: string, name: string, signal: AbortSignal): Promise<string> {
    return (await this.#ask(`/v1/jobs/${id}/result/${name}`, { signal })).text()
  }

  /** A link streams to the disk, but cannot carry a token. */
  async download(id: string, name: string): Promise<void> {
    const address = `/v1/jobs/${id}/result/${name}`
    let url = address
    if (this.token()) url = URL.createObjectURL(await (await this.#ask(address)).blob())
    const link = document.createElement('a')
    link.href = url
    link.download = name
    link.click()
    if (url !== address) setTimeout(() => URL.revokeObjectURL(url), 60_000)
  }

  /** A sign that no header can hold would look like a server that is away: it is just wrong. */
  #headers(): Record<string, string> {
    const token = this.token()?.replace(/[^!-~]/g, '?')
    return token ? { Authorization: `Bearer ${token}` } : {}
  }

  async #ask(url: string, init: RequestInit = {}): Promise<Response> {
    let reply: Response
    try {
      reply = await fetch(url, { ...init, headers: { ...this.#headers(), ...init.headers } })
    } catch {
      init.signal?.throwIfAborted()
      throw new JobError(0, 'the server cannot be reached')
    }
    if (reply.ok) return reply
    const wait = Number(reply.headers.get('Retry-After')) * 1000 || 0
    const body = await reply.text().catch(() => '')
    throw new JobError(reply.status, errorLine(reply.status, body), wait)
  }
}
