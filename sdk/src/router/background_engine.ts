/**
 * The engine of a page that has a server beside it: opened in the background, and opened again when
 * its worker has ended or its download broke off. Owns when that is tried again, and what the page's
 * status is meanwhile. Does not know how a worker is started (`start`), nor where edits go.
 */

import { abortError } from '../abort_error.ts'
import type { CallOptions, Channel } from '../channel.ts'
import { NearfieldError } from '../error.ts'
import type { CallName, Calls, Progress } from '../protocol.ts'
import type { DeviceFacts } from '../route.ts'
import type { Status } from '../types.ts'
import { unlessAborted } from '../unless_aborted.ts'
import { type Clock, realClock } from './clock.ts'

/** A new worker, and its model on the way. */
export type StartEngine = (onProgress: (progress: Progress) => void) => {
  channel: Channel
  opening: Promise<Status>
}

/** Between two failures in a row; the first end of a worker that has worked is mended at once. */
const PAUSES_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000] as const
/** Failures in a row that a call waits through. */
const PATIENT = 3
/** One that has worked for so long is new to failing. */
const WELL_MS = 60_000

export class BackgroundEngine {
  #start: StartEngine
  #onStatus: (status: Status) => void
  #clock: Clock
  #channel: Channel | null = null
  /** Kept by the next worker whose model is there, however many fail before. */
  #open = new Wait()
  #status: Status = LOADING
  /** The model is there, and #open is kept. */
  #works = false
  #since = 0
  #readyAt = 0
  #progress = 0
  #failures = 0
  #stopPause = () => {}
  /** What adapter() has opened, to be opened in the next worker too. */
  #adapters = new Set<string>()

  constructor(start: StartEngine, onStatus: (status: Status) => void, clock: Clock = realClock) {
    this.#start = start
    this.#onStatus = onStatus
    this.#clock = clock
    this.#begin()
  }

  get status(): Status {
    return this.#status
  }
  /** As the router wants to know it. 'lost': it is not tried again for a while. */
  get facts(): Pick<DeviceFacts, 'state' | 'backend' | 'loadingMs' | 'progress'> {
    const { state, backend } = this.#status
    if (state === 'ready') return { state, backend }
    if (state === 'absent' || state === 'closed') return { state: 'absent' }
    if (!this.#channel) return { state: 'lost' }
    return {
      ...{ state: 'loading', backend, progress: this.#progress },
      loadingMs: this.#clock.now() - this.#since,
    }
  }

  /**
   * Waits for the model. Rejects with a NearfieldError 'unsupported' where it cannot be had, and with
   * 'network' or 'lost' when three tries in a row have failed.
   */
  async call<Name extends CallName>(
    name: Name,
    args: Calls[Name]['args'],
    options: CallOptions = {},
  ): Promise<Calls[Name]['value']> {
    const channel = await unlessAborted(this.#open.promise, options.signal)
    const value = await channel.call(name, args, options)
    if (name === 'adapter') this.#adapters.add((args as Calls['adapter']['args']).url)
    return value
  }

  /** What runs and what waits rejects with an AbortError, later calls with a NearfieldError 'closed'. */
  close(): void {
    this.#status = { ...this.#status, state: 'closed' }
    this.#stopPause()
    this.#channel?.close()
    this.#refuse(abortError('close() was called'))
    this.#open.reject(new NearfieldError('closed', 'close() was called'))
  }

  #begin(): void {
    this.#since = this.#clock.now()
    this.#progress = 0
    let started: ReturnType<StartEngine>
    try {
      started = this.#start(({ loaded, total }) => {
        this.#progress = total > 0 ? loaded / total : 0
      })
    } catch (error) {
      this.#giveUp(error as Error) // no worker may be started here
      return
    }
    const { channel, opening } = started
    this.#channel = channel
    let news: Status | null = null // heard before what it is about can be asked
    channel.onStatus = (status) => {
      if (channel !== this.#channel || this.#status.state === 'closed') return
      if (status.state === 'lost') this.#failed(channel, new NearfieldError('lost', GPU_GONE))
      else if (this.#works) this.#tell(status)
      else news = status
    }
    channel.onLost = (error) => this.#failed(channel, error)
    const opened = opening.then(async (status) => {
      // one that cannot be had any more is told to the edit that names it
      const again = [...this.#adapters].map((url) => channel.call('adapter', { url }))
      await Promise.allSettled(again)
      if (channel !== this.#channel || this.#status.state === 'closed') return
      this.#works = true
      this.#readyAt = this.#clock.now()
      this.#open.resolve(channel)
      this.#tell(news ?? status)
    })
    opened.catch((error) => this.#failed(channel, error))
  }

  /** Its worker has ended, or the model did not come; a second call for one channel does nothing. */
  #failed(channel: Channel, error: Error): void {
    if (channel !== this.#channel || this.#status.state === 'closed') return
    const worked = this.#works
    this.#channel = null
    this.#works = false
    channel.lose(new NearfieldError('lost', error.message, { cause: error }))
    if (worked) this.#open = new Wait()
    if (!(error instanceof NearfieldError) || !PASSING.has(error.code)) {
      this.#giveUp(error)
      return
    }
    if (worked && this.#clock.now() - this.#readyAt > WELL_MS) this.#failures = 0
    const pause = PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length - 1)]!
    this.#againAfter(worked && this.#failures === 0 ? 0 : pause)
    this.#failures++
    if (this.#failures >= PATIENT) this.#refuse(error) // whoever comes later waits for a next try
    this.#tell({ state: 'loading', backendReason: error.message })
  }

  /** Sooner, when the browser says that there is a network again. */
  #againAfter(ms: number): void {
    const again = () => {
      this.#stopPause()
      this.#begin()
    }
    const stopTimer = this.#clock.after(ms, again)
    globalThis.addEventListener?.('online', again)
    this.#stopPause = () => {
      stopTimer()
      globalThis.removeEventListener?.('online', again)
    }
  }

  /** Of those who wait now. */
  #refuse(error: Error): void {
    this.#open.reject(error)
    this.#open = new Wait()
  }
  #giveUp(error: Error): void {
    const line = `the model could not be opened: ${error.message}`
    this.#open.reject(new NearfieldError('unsupported', line, { cause: error }))
    this.#tell({ state: 'absent', backendReason: error.message })
  }
  #tell(news: Partial<Status>): void {
    this.#status = { ...this.#status, ...news }
    this.#onStatus(this.#status)
  }
}

/** A promise, and its two ends; nobody has to listen. */
class Wait {
  resolve!: (channel: Channel) => void
  reject!: (error: Error) => void
  readonly promise = new Promise<Channel>((resolve, reject) => {
    this.resolve = resolve
    this.reject = reject
  })
  constructor() {
    this.promise.catch(() => {})
  }
}

/** Another try may find it better. */
const PASSING: ReadonlySet<string> = new Set(['network', 'lost'])
const GPU_GONE = 'the GPU was lost, and nothing took its place'

const LOADING: Status = {
  ...{ state: 'loading', backend: 'wasm', backendWhy: 'unmeasured', backendReason: '' },
  ...{ gpu: '', kernels: '', replacedKernels: '', threads: 1 },
  isolated: globalThis.crossOriginIsolated === true,
  ...{ model: null, probe: null, cached: false, persisted: false },
  ...{ adapters: [], tasks: [] },
}
