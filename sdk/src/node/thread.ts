/**
 * A Worker of the web over node's worker_threads: what channel.ts, worker/threads.ts and
 * worker/hasher.ts use of one. Owns when the process may end: it waits for calls that are not
 * answered yet, and for nothing else, so an open model does not hold it.
 * Read next: worker_scope.ts (the other end), ../channel.ts.
 */
import { Worker as Thread, type Transferable } from 'node:worker_threads'
import type { FromWorker, ToWorker } from '../protocol.ts'

type Transfer = Transferable[] | { transfer?: Transferable[] }

const kindOf = (message: unknown): string => (message as ToWorker | FromWorker)?.kind ?? ''

export class Worker {
  onmessage: ((event: { data: never }) => void) | null = null
  onmessageerror: (() => void) | null = null
  onerror: ((event: { message: string }) => void) | null = null
  readonly #thread: Thread
  #unanswered = 0

  constructor(script: string | URL, { name = '' }: { name?: string; type?: string } = {}) {
    // none of the process's own flags: some of them (--input-type) suit its first script only
    this.#thread = new Thread(new URL(script), { name, execArgv: [] })
    this.#thread.on('message', (data) => this.#receive(data))
    this.#thread.on('messageerror', () => this.onmessageerror?.())
    this.#thread.on('error', (error) => this.onerror?.({ message: String(error) }))
    this.#thread.unref()
  }

  postMessage(message: unknown, options: Transfer = []): void {
    this.#thread.postMessage(message, Array.isArray(options) ? options : (options.transfer ?? []))
    if (kindOf(message) === 'call' && this.#unanswered++ === 0) this.#thread.ref()
  }

  terminate(): void {
    void this.#thread.terminate()
  }

  #receive(data: unknown): void {
    const kind = kindOf(data)
    const answer = kind === 'value' || kind === 'failure'
    if (answer && --this.#unanswered === 0) this.#thread.unref()
    this.onmessage?.({ data: data as never })
  }
}
