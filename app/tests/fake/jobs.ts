/** A server's jobs in memory, for tests: what it says is told by the test, step by step. */
import type { Job, JobRequest, JobState, JobsClient, Kind, Offer } from '../../src/jobs/client'
import type { JobEvent } from '../../src/jobs/events'
import { JobError } from '../../src/jobs/problem'
import type { Tus } from '../../src/jobs/tus'

interface Stored {
  readonly request: JobRequest
  readonly key: string
  state: JobState
  error?: string
  readonly events: JobEvent[]
}

export class HandJobs implements JobsClient {
  kinds = new Map<string, Kind>([
    ['transcribe', { ready: true, mend: null }],
    ['render', { ready: true, mend: null }],
  ])
  bytesMax = 1_000_000
  /** The whole ones. */
  readonly uploads = new Map<string, Blob>()
  /** Those that are not whole; so many bytes came. */
  readonly parts = new Map<string, number>()
  /** Of every PATCH: where it began. */
  readonly offsets: number[] = []
  readonly jobs = new Map<string, Stored>()
  /** Of every stream that was asked for: the Last-Event-ID. */
  readonly asked: number[] = []
  readonly downloads: string[] = []
  /** The next requests fail so, one each. */
  readonly faults: JobError[] = []
  /** The files of results. */
  files: Record<string, string> = {}
  /** Set: uploads wait until it is called. */
  finishUpload: (() => void) | null = null
  holdUploads = false
  wanted: string | null = null
  #token: string | null = null
  #wake: (() => void)[] = []
  #cut = 0
  #uploads = 0
  /** The PATCHes there are break, with so many bytes on the server. */
  cutUpload: (bytes: number) => void = () => undefined

  token(): string | null {
    return this.#token
  }

  setToken(token: string): void {
    this.#token = token
  }

  #check(): void {
    const fault = this.faults.shift()
    if (fault) throw fault
    if (this.wanted !== null && this.#token !== this.wanted) {
      throw new JobError(401, 'a token is needed')
    }
  }

  async offer(): Promise<Offer> {
    this.#check()
    return { kinds: this.kinds, uploadBytesMax: this.bytesMax }
  }

  tus: Tus = {
    create: async () => {
      this.#check()
      this.#uploads += 1
      const id = `upload-${this.#uploads}`
      this.parts.set(id, 0)
      return id
    },
    offset: async (id) => {
      this.#check()
      const size = this.uploads.get(id)?.size ?? this.parts.get(id)
      if (size === undefined) throw new JobError(404, 'no such upload')
      return size
    },
    append: async (id, body, offset, progress, signal) => {
      this.#check()
      if (this.parts.get(id) === undefined) throw new JobError(404, 'no such upload')
      if (this.parts.get(id) !== offset) throw new JobError(409, 'it ends elsewhere')
      this.offsets.push(offset)
      progress((offset + body.size) / 2)
      if (this.holdUploads) {
        await new Promise<void>((resolve, reject) => {
          this.finishUpload = resolve
          this.cutUpload = (bytes) => {
            this.parts.set(id, bytes)
            reject(new JobError(0, 'the connection was lost while uploading'))
          }
          signal.addEventListener('abort', () => reject(signal.reason))
        })
      }
      this.parts.delete(id)
      this.uploads.set(id, body)
      return body.size
    },
    drop: async (id) => {
      this.#check()
      const known = this.parts.delete(id) || this.uploads.delete(id)
      if (!known) throw new JobError(404, 'no such upload')
    },
  }

  async start(request: JobRequest, key: string): Promise<Job> {
    this.#check()
    if (!this.uploads.has(request.input.upload)) throw new JobError(422, 'input: no such upload')
    const same = [...this.jobs].find(([, job]) => job.key === key)
    const id = same?.[0] ?? `job-${this.jobs.size + 1}`
    if (!same) {
      const event = { id: 1, type: 'state', data: { state: 'queued' } }
      this.jobs.set(id, { request, key, state: 'queued', events: [event] })
    }
    return this.#facts(id)
  }

  #facts(id: string): Job {
    const job = this.jobs.get(id)
    if (!job) throw new JobError(404, 'no such job')
    const { request, state, error } = job
    const files = Object.entries(this.files).map(([name, text]) => ({ name, bytes: text.length }))
    return {
      id,
      kind: request.kind,
      state,
      progress: 0,
      ...(error && { error }),
      ...(state === 'done' && { result: { files } }),
    }
  }

  async get(id: string): Promise<Job> {
    this.#check()
    return this.#facts(id)
  }

  async cancel(id: string): Promise<Job> {
    this.#check()
    this.end(id, 'cancelled')
    return this.#facts(id)
  }

  async *events(
    id: string,
    { after, signal }: Parameters<JobsClient['events']>[1],
  ): AsyncGenerator<JobEvent> {
    this.#check()
    this.asked.push(after)
    const cut = this.#cut
    let seen = after
    for (;;) {
      const job = this.jobs.get(id)
      if (!job) throw new JobError(404, 'no such job')
      for (const event of job.events.slice(seen)) {
        seen = event.id
        yield event
      }
      if (job.events.length > seen) continue // said while the last ones were taken
      if (!['queued', 'running', 'cancelling'].includes(job.state)) return
      await new Promise<void>((resolve, reject) => {
        this.#wake.push(resolve)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
      if (cut !== this.#cut) throw new JobError(0, 'the connection was lost')
    }
  }

  async text(_id: string, name: string): Promise<string> {
    this.#check()
    return this.files[name] ?? ''
  }

  async download(id: string, name: string): Promise<void> {
    this.#check()
    this.downloads.push(`${id}/${name}`)
  }

  // ---- the test's hand ------------------------------------------------------------

  say(id: string, type: string, data: unknown): void {
    const events = this.jobs.get(id)?.events
    events?.push({ id: events.length + 1, type, data })
    this.#flush()
  }

  segment(id: string, i: number, startMs: number, text: string): void {
    const words = [[startMs / 1000, startMs / 1000 + 1, ` ${text}`]]
    this.say(id, 'segment', { i, start_ms: startMs, end_ms: startMs + 1000, text, words })
  }

  end(id: string, state: JobState, error?: string): void {
    const job = this.jobs.get(id)
    if (job) Object.assign(job, { state, ...(error && { error }) })
    this.say(id, 'state', { state })
  }

  /** Every stream breaks. */
  cut(): void {
    this.#cut += 1
    this.#flush()
  }

  #flush(): void {
    const all = this.#wake
    this.#wake = []
    for (const wake of all) wake()
  }
}
