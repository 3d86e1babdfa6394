/**
 * The page's end of one worker: calls with ids, abort, progress, and what happens when the
 * worker ends. Owns the worker. Knows nothing of models or captions.
 * Read next: protocol.ts.
 */
import { abortError } from './abort_error.ts'
import { NearfieldError } from './error.ts'
import type { CallMessage, CallName, Calls, FromWorker, Progress, ToWorker } from './protocol.ts'
import type { Status } from './types.ts'
import { fromWire } from './wire_error.ts'

/** What this file needs of a Worker; tests give a fake. */
export interface WorkerLike {
  postMessage(message: ToWorker, transfer?: Transferable[]): void
  terminate(): void
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null
  onerror: ((event: ErrorEvent) => void) | null
}

export interface CallOptions {
  signal?: AbortSignal | undefined
  onProgress?: ((progress: Progress) => void) | undefined
  /** Of a text that is being generated. */
  onPiece?: ((piece: string) => void) | undefined
  transfer?: Transferable[]
}

interface Pending {
  resolve(value: never): void
  reject(reason: unknown): void
  onProgress: ((progress: Progress) => void) | undefined
  onPiece: ((piece: string) => void) | undefined
}

export class Channel {
  /** Called once, when the worker failed by itself. */
  onLost: ((error: NearfieldError) => void) | null = null
  /** Called when the worker's engine has changed by itself. */
  onStatus: ((status: Status) => void) | null = null
  #worker: WorkerLike
  #pending = new Map<number, Pending>()
  #nextId = 1
  #ended: NearfieldError | null = null

  constructor(worker: WorkerLike) {
    this.#worker = worker
    worker.onmessage = (event) => this.#receive(event.data)
    worker.onerror = (event) => {
      const why = event.message || 'its script could not be loaded'
      this.lose(new NearfieldError('lost', `the engine's worker ended: ${why}`))
    }
  }

  call<Name extends CallName>(
    name: Name,
    args: Calls[Name]['args'],
    { signal, onProgress, onPiece, transfer = [] }: CallOptions = {},
  ): Promise<Calls[Name]['value']> {
    if (this.#ended) return Promise.reject(this.#ended)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const id = this.#nextId++
    return new Promise<Calls[Name]['value']>((resolve, reject) => {
      // The caller hears of an abort at once; the worker drops the work after its current pass.
      const onAbort = () => {
        this.#pending.delete(id)
        if (!this.#ended) this.#worker.postMessage({ kind: 'cancel', id })
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', onAbort)
          settle(value)
        }
      const settle = { resolve: settled(resolve), reject: settled(reject) }
      this.#pending.set(id, { ...settle, onProgress, onPiece })
      const sentAt = performance.timeOrigin + performance.now()
      try {
        this.#worker.postMessage({ kind: 'call', id, name, args, sentAt } as CallMessage, transfer)
      } catch (error) {
        // A function or a node among the arguments: no worker can be given it.
        const pending = this.#pending.get(id)
        this.#pending.delete(id)
        const line = `${name}: an argument cannot be sent to a worker`
        pending?.reject(new NearfieldError('bad_input', line, { cause: error }))
      }
    })
  }

  /** What runs rejects with an AbortError, later calls with a NearfieldError 'closed'. */
  close(): void {
    this.#end(new NearfieldError('closed', 'close() was called'), abortError('close() was called'))
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'status') {
      if (!this.#ended) this.onStatus?.(message.status)
      return
    }
    if (message.kind === 'kept') {
      // no promise: as the browser sees fit; a worker has no such function
      const storage: Partial<StorageManager & { persist(): Promise<boolean> }> = navigator.storage
      void storage.persist?.().then((is) => is && this.#worker.postMessage({ kind: 'persisted' }))
      return
    }
    const pending = this.#pending.get(message.id)
    if (!pending) return // aborted meanwhile
    if (message.kind === 'progress') {
      pending.onProgress?.(message.progress)
      return
    }
    if (message.kind === 'piece') {
      pending.onPiece?.(message.piece)
      return
    }
    this.#pending.delete(message.id)
    if (message.kind === 'value') {
      pending.resolve(message.value as never)
      return
    }
    const error = fromWire(message.error)
    pending.reject(error)
    // A trap leaves the engine's memory in no known state: nothing may run on it any more.
    if (error instanceof NearfieldError && error.code === 'lost') this.lose(error)
  }

  /** Ends a worker that is of no use any more: what runs and later calls reject with the error. */
  lose(error: NearfieldError): void {
    if (this.#ended) return
    this.#end(error, error)
    this.onLost?.(error)
  }

  #end(later: NearfieldError, now: Error): void {
    if (this.#ended) return
    this.#ended = later
    this.#worker.terminate()
    const running = [...this.#pending.values()]
    this.#pending.clear()
    for (const pending of running) pending.reject(now)
  }
}
