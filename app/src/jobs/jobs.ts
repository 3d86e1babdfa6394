/**
 * The server's work for the project that is open: one job at a time, from the upload to the end.
 * Owns the flow and what of it is kept with the project, so that a reload goes on; does not own
 * HTTP (client.ts), what cues become of segments (segments.ts), or any face (panes/jobs).
 *
 *   uploading -> waiting -> running -> finishing -> nothing, `ready` or `problem`
 *
 * A job goes on when its project is closed; it is taken up again when that is opened.
 */
import type { CaptionsApi } from 'nearfield'
import { reason } from '../assist/model'
import { plural } from '../document/format'
import { createStore } from '../document/store'
import type { KeptJob, PartSent, RemoteVideo } from '../project/store'
import type { Editor } from '../shell/editor'
import type { Workspace } from '../shell/workspace'
import type { Job, JobKind, JobRequest, JobsClient, RenderOptions } from './client'
import type { JobEvent } from './events'
import { captionsName } from './media'
import type { OfferState } from './offer'
import { fileProblem, lookAt, refusalOf } from './offer'
import { Patience } from './patience'
import type { Problem } from './problem'
import { JobError, problemOf } from './problem'
import { CANCELLED, drop, send } from './send'
import { Transcript } from './transcript'

export type Phase = 'uploading' | 'waiting' | 'running' | 'finishing' | 'cancelling'

export interface Running {
  readonly kind: JobKind
  /** Of the video. */
  readonly name: string
  readonly phase: Phase
  /** 0 to 1; null: not known. */
  readonly done: number | null
  /** Why the server is being asked again and again; null: it answers. */
  readonly lost: string | null
}

export interface JobsState {
  readonly offer: OfferState
  readonly running: Running | null
  readonly problem: (Problem & { readonly kind: JobKind }) | null
  /** What the server has of a video that was being sent when the page or the project was left. */
  readonly rest: { readonly of: PartSent; readonly offset: number } | null
  /** A video to be downloaded. */
  readonly ready: { readonly id: string; readonly file: string; readonly bytes: number } | null
}

/** A file of this device, or one that the server has. */
export type Video = File | RemoteVideo

const FINAL = new Set(['done', 'failed', 'dead', 'cancelled'])

export class Jobs {
  readonly store = createStore<JobsState>({
    offer: { kind: 'unknown' },
    running: null,
    problem: null,
    rest: null,
    ready: null,
  })
  readonly #editor: Editor
  readonly #workspace: Workspace
  readonly #captions: CaptionsApi
  readonly #client: JobsClient
  /** Of what runs now; a new one for each. */
  #abort: AbortController | null = null
  #again: (() => void) | null = null
  /** To the events. */
  #listening: Patience | null = null
  /** What was uploaded last in this page: the server may have thrown it away since. */
  #uploaded: { readonly file: File; readonly upload: string } | null = null
  #followed: string | null = null

  constructor(editor: Editor, workspace: Workspace, captions: CaptionsApi, client: JobsClient) {
    this.#editor = editor
    this.#workspace = workspace
    this.#captions = captions
    this.#client = client
    editor.store.subscribe(() => this.#attach())
  }

  /** What the server can do. Never throws. */
  async look(): Promise<void> {
    const offer = await lookAt(this.#client)
    // One that is away for a while can still do what it could; asked for it, it is asked again.
    if (offer.kind !== 'absent' || this.store.get().offer.kind !== 'known')
      this.store.set({ offer })
    if (offer.kind === 'known') await this.#lookAtRest()
  }

  async unlock(token: string): Promise<void> {
    this.#client.setToken(token)
    await this.look()
    if (this.store.get().offer.kind !== 'known') return
    void this.#editor.model.tokenGiven()
    if (this.busy) return
    // What was followed when the token was refused.
    this.#followed = null
    this.#attach()
  }

  refusal(kind: JobKind): string {
    return refusalOf(this.store.get().offer, kind)
  }

  fileProblem(kind: JobKind, file: File): string {
    return fileProblem(this.store.get().offer, kind, file)
  }

  get busy(): boolean {
    return this.store.get().running !== null
  }

  get canCancel(): boolean {
    const phase = this.store.get().running?.phase
    return phase !== undefined && phase !== 'finishing' && phase !== 'cancelling'
  }

  /** What would be lost if the page went now. */
  get uploading(): boolean {
    return this.store.get().running?.phase === 'uploading'
  }

  // ---- what a person asks for ----------------------------------------------------

  /** `here`: into the document that is open, in place of its cues; else into a new one. */
  async transcribe(video: Video, language: string, here: boolean): Promise<void> {
    if (this.busy) return
    const { project } = this.#editor.store.get()
    const replaces = here && project !== null
    if (!replaces) {
      const part = video instanceof File && project?.part ? project.part : null
      const goes = part !== null && isSame(part, video as File)
      if (goes) this.#workspace.remember({ part: null })
      if (!(await this.#workspace.createEmpty(captionsName(video.name), 'vtt'))) return
      if (goes) this.#workspace.remember({ part })
    }
    this.#forget()
    const again = () => void this.transcribe(video, language, true)
    await this.#run('transcribe', video.name, again, async (signal) => {
      const job = await this.#begin(video, signal, (upload) => ({
        kind: 'transcribe',
        input: { upload },
        ...(language && { language }),
      }))
      await this.#follow({ id: job.id, kind: 'transcribe', name: video.name, applied: 0 }, signal)
    })
  }

  async render(video: Video, options: RenderOptions): Promise<void> {
    const { project, history } = this.#editor.store.get()
    if (this.busy || !project || !history) return
    this.#forget()
    const again = () => void this.render(video, options)
    await this.#run('render', video.name, again, async (signal) => {
      const bytes = await this.#workspace.bytes(project, history.present)
      const job = await this.#begin(video, signal, async (upload) => ({
        kind: 'render',
        input: { upload },
        captions: { upload: await this.#sendBytes(new Blob([bytes]), signal) },
        ...options,
      }))
      await this.#follow({ id: job.id, kind: 'render', name: video.name, applied: 0 }, signal)
    })
  }

  /** Ends it here and on the server. What was heard so far stays. */
  async cancel(): Promise<void> {
    const { running } = this.store.get()
    const job = this.#editor.store.get().project?.job
    if (!running || !this.canCancel) return
    if (!job) {
      this.#abort?.abort(CANCELLED)
      this.#end()
      this.#workspace.remember({ part: null })
      const unsent = running.phase === 'uploading' ? `: ${running.name} was not sent` : ''
      this.#editor.notify('info', `Cancelled${unsent}.`)
      return
    }
    const signal = this.#abort?.signal
    if (!signal) return
    this.#show({ phase: 'cancelling', done: null })
    try {
      await this.#patience(signal).persist(() => this.#client.cancel(job.id))
      this.#listening?.hurry() // the end comes with the events
    } catch (error) {
      if (signal.aborted) return
      this.#show({ phase: 'running' })
      this.#editor.notify('error', `Not cancelled: ${reason(error)}`)
    }
  }

  /** What failed, once more; without anything to go by the caller asks the person. */
  again(): boolean {
    const again = this.#again
    const { problem } = this.store.get()
    // What was heard before may have been worked on: the dialogue asks before it is replaced.
    const asks = problem?.kind === 'transcribe' && this.#editor.document?.cues.length !== 0
    if (!again || asks) return false
    this.dismiss()
    again()
    return true
  }

  dismiss(): void {
    const goesOn = this.busy || this.store.get().problem?.remedy === 'token'
    this.store.set({ problem: null, ready: null })
    this.#again = null
    if (!goesOn) this.#forget()
  }

  async download(): Promise<void> {
    const { ready } = this.store.get()
    if (!ready) return
    try {
      await this.#client.download(ready.id, ready.file)
    } catch (error) {
      this.#editor.notify('error', `${ready.file} was not downloaded: ${reason(error)}`)
    }
  }

  // ---- the flow -------------------------------------------------------------------

  /** A project was opened, closed, or came to this tab: what it was doing goes on. */
  #attach(): void {
    const { project, readOnly } = this.#editor.store.get()
    const id = project && !readOnly ? project.id : null
    if (id === this.#followed) return
    this.#followed = id
    const { running } = this.store.get()
    if (this.uploading) {
      const goes = 'it goes on when you choose it there again'
      this.#editor.notify(
        'info',
        `${running?.name} was not sent: its captions were closed; ${goes}.`,
      )
    }
    this.#abort?.abort()
    this.#again = null
    this.store.set({ running: null, problem: null, rest: null, ready: null })
    const job = project?.job
    if (id && project?.part && !job) void this.#offerRest()
    if (!id || !job) return
    void this.#run(job.kind, job.name, null, (signal) => this.#follow(job, signal))
  }

  /** What of a video is on the server; asked only while nothing is sent, which it would end. */
  async #lookAtRest(): Promise<void> {
    const { project, readOnly } = this.#editor.store.get()
    const of = project?.part
    if (!of || readOnly || this.busy) return
    const offset = await this.#client.tus
      .offset(of.upload, AbortSignal.timeout(LOOK_MS))
      .catch((error: unknown) => (error instanceof JobError && error.status === 404 ? 0 : null))
    if (offset === null || this.busy || this.#editor.store.get().project?.part !== of) return
    const { upload, name, bytes } = of
    const whole = offset === bytes
    if (whole) this.#workspace.remember({ part: null, video: { upload, name, bytes } })
    else if (offset === 0) this.#workspace.remember({ part: null })
    this.store.set({ rest: whole || offset === 0 ? null : { of, offset } })
  }

  async #offerRest(): Promise<void> {
    await this.#lookAtRest()
    const { rest, problem } = this.store.get()
    if (!rest || problem || this.busy) return
    const { kind, name } = rest.of
    const line = `${name} was not sent to its end: the server has ${percent(rest)} % of it.`
    const mend = 'Choose the file again: it goes on there.'
    this.store.set({ problem: { line, mend, remedy: 'choose', kind } })
    this.#editor.announce(`${line} ${mend}`)
  }

  async #run(
    kind: JobKind,
    name: string,
    again: (() => void) | null,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    this.#abort?.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.#again = again
    const running: Running = { kind, name, phase: 'waiting', done: null, lost: null }
    this.store.set({ running, problem: null, rest: null, ready: null })
    try {
      await work(abort.signal)
    } catch (error) {
      if (abort.signal.aborted) return
      this.#fail(kind, name, error)
    }
  }

  #fail(kind: JobKind, name: string, error: unknown): void {
    const problem = problemOf(error, kind, name)
    if (error instanceof JobError && error.status === 401) {
      // The server goes on with it; with a token it is taken up again.
      const offer = { kind: 'locked', refused: this.#client.token() !== null } as const
      this.store.set({ running: null, offer })
    } else this.#end()
    this.store.set({ problem: { ...problem, kind } })
    this.#editor.announce(`${problem.line} ${problem.mend}`)
  }

  #end(): void {
    this.#editor.stopGrowing()
    this.store.set({ running: null })
    this.#forget()
  }

  /** The job that is kept: it is over, or another takes its place. */
  #forget(): void {
    if (this.#editor.store.get().project?.job) this.#workspace.remember({ job: null })
  }

  #show(patch: Partial<Running>): void {
    const { running } = this.store.get()
    if (running) this.store.set({ running: { ...running, ...patch } })
  }

  /** The video on the server, then the job. An upload the server no longer has is sent again. */
  async #begin(
    video: Video,
    signal: AbortSignal,
    request: (upload: string) => JobRequest | Promise<JobRequest>,
  ): Promise<Job> {
    const known = !(video instanceof File)
    const mine = this.#uploaded
    let upload = known ? video.upload : mine?.file === video ? mine.upload : null
    for (let sent = false; ; sent = true) {
      upload ??= await this.#send(video as File, signal)
      try {
        const wanted = await request(upload)
        this.#show({ phase: 'waiting', done: null })
        const key = crypto.randomUUID()
        const patience = this.#patience(signal)
        const job = await patience.persist(async () => {
          const started = await this.#client.start(wanted, key)
          if (signal.aborted) void this.#client.cancel(started.id).catch(() => undefined)
          return started
        })
        const remote = { upload, name: video.name, bytes: sizeOf(video) }
        this.#workspace.remember({ video: remote, part: null })
        return job
      } catch (error) {
        const gone = error instanceof JobError && error.status === 422
        const file = known ? (mine?.upload === video.upload ? mine.file : null) : video
        if (!gone || sent) throw error
        this.#workspace.remember({ video: null, part: null })
        if (!file) throw new JobError(422, `the server no longer keeps ${video.name}`)
        upload = await this.#send(file, signal)
      }
    }
  }

  async #send(file: File, signal: AbortSignal): Promise<string> {
    const kind = this.store.get().running?.kind ?? 'transcribe'
    const problem = this.fileProblem(kind, file)
    if (problem) throw new Error(problem)
    this.#show({ phase: 'uploading', done: 0 })
    this.#editor.announce(`Sending ${file.name}`)
    const before = this.#editor.store.get().project?.part ?? null
    const same = before !== null && isSame(before, file)
    if (before && !same) void drop(this.#client.tus, before.upload)
    const { name, size: bytes, lastModified: modifiedMs } = file
    const upload = await send(this.#client.tus, {
      body: file,
      known: same ? before.upload : null,
      patience: this.#patience(signal),
      signal,
      keep: (id) => {
        this.#workspace.remember({ part: { upload: id, kind, name, bytes, modifiedMs } })
      },
      progress: (sent) => this.#show({ done: sent / bytes }),
    })
    this.#uploaded = { file, upload }
    return upload
  }

  #sendBytes(body: Blob, signal: AbortSignal): Promise<string> {
    const patience = this.#patience(signal)
    const [keep, progress] = [() => undefined, () => undefined]
    return send(this.#client.tus, { body, known: null, patience, signal, keep, progress })
  }

  #patience(signal: AbortSignal): Patience {
    return new Patience(signal, (lost) => {
      const { running } = this.store.get()
      if (signal.aborted || !running || running.lost === lost) return
      this.#show({ lost })
      this.#editor.announce(lost ? `Trying again: ${lost}` : 'The server answers again')
    })
  }

  async #follow(job: KeptJob, signal: AbortSignal): Promise<void> {
    this.#workspace.remember({ job })
    const transcript =
      job.kind === 'transcribe'
        ? new Transcript(this.#editor, this.#workspace, this.#captions, job)
        : null
    const ended = await this.#events(job.id, signal, (event) => {
      if (event.type === 'segment' && transcript?.take(event.data) === false) void this.cancel()
    })
    const { name } = job
    if (ended.state === 'cancelled') {
      this.#end()
      const kept = transcript && transcript.n > 0 ? ' What was heard so far stays.' : ''
      this.#editor.notify('info', `Cancelled.${kept}`)
    } else if (ended.state !== 'done') {
      throw new Error(ended.error ?? 'the server does not say why')
    } else if (transcript) {
      this.#show({ phase: 'finishing', done: 1 })
      const patience = this.#patience(signal)
      const text = await patience.persist(() =>
        this.#client.text(job.id, transcript.resultName, signal),
      )
      const n = await transcript.finish(text, signal)
      this.#end()
      const words = n > 0 ? `Transcribed: ${plural(n, 'cue')}.` : `No speech was found in ${name}.`
      this.#editor.notify('info', words)
    } else {
      const [file] = ended.result?.files ?? []
      // The job stays with the project until the person has done with it.
      this.store.set({
        running: null,
        ready: { id: job.id, file: file?.name ?? 'video', bytes: file?.bytes ?? 0 },
      })
      this.#editor.announce(`The video with captions is ready to be downloaded`)
    }
  }

  /** Every event of the job, once and in order, until it has ended; resolves to how. */
  async #events(id: string, signal: AbortSignal, take: (event: JobEvent) => void): Promise<Job> {
    const patience = this.#patience(signal)
    this.#listening = patience
    let after = 0
    for (;;) {
      const job = await patience.persist(async () => {
        for await (const event of this.#client.events(id, { after, signal })) {
          signal.throwIfAborted()
          after = event.id
          patience.heard()
          this.#tell(event)
          take(event)
        }
        return this.#client.get(id, signal)
      })
      if (FINAL.has(job.state)) return job
      await patience.wait() // the server stops, or a proxy has cut the stream
    }
  }

  #tell({ type, data }: JobEvent): void {
    const { state, progress } = (data ?? {}) as { state?: unknown; progress?: unknown }
    const { running } = this.store.get()
    if (!running || !this.canCancel) return
    if (type === 'progress' && typeof progress === 'number') {
      this.#show({ phase: 'running', done: progress })
    } else if (type === 'state' && state === 'running') this.#show({ phase: 'running' })
    else if (type === 'state' && state === 'queued') this.#show({ phase: 'waiting', done: null })
    else if (type === 'state' && state === 'cancelling') this.#show({ phase: 'cancelling' })
  }
}

/** How long a server may take to say what it has of a video. */
const LOOK_MS = 20_000

/** Whole percents that are there for sure. */
export const percent = ({ of, offset }: NonNullable<JobsState['rest']>): number =>
  Math.floor((offset / of.bytes) * 100)

/** As far as can be told: a file has no other name that lasts. */
export const isSame = (
  part: PartSent,
  file: { name: string; size: number; lastModified: number },
) => part.name === file.name && part.bytes === file.size && part.modifiedMs === file.lastModified

const sizeOf = (video: Video) => (video instanceof File ? video.size : video.bytes)
