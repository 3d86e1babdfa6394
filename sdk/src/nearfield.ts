/**
 * The class an app holds: one model in one worker. Owns the worker's life and its status.
 * Does not know how models are fetched (worker/load.ts) or run (worker/engine.ts).
 */
import { availabilityOf } from './availability.ts'
import { Channel } from './channel.ts'
import { NearfieldError } from './error.ts'
import type { Bench } from './protocol.ts'
import type {
  Availability,
  EditRequest,
  EditResult,
  NearfieldApi,
  OpenOptions,
  Status,
} from './types.ts'
import { startWorker } from './worker_start.ts'

function modelUrl(model: string | URL): URL {
  try {
    return new URL(model, document.baseURI)
  } catch (error) {
    const line = `model: '${model}' is not a URL; expected a folder such as '/models/NAME/'`
    throw new NearfieldError('bad_input', line, { cause: error })
  }
}

/** One model, open in a worker of its own. */
export class Nearfield implements NearfieldApi {
  #channel: Channel
  #status: Status

  private constructor(channel: Channel, status: Status) {
    this.#channel = channel
    this.#status = status
    channel.onLost = () => {
      this.#status = { ...this.#status, state: 'lost' }
    }
  }

  /** Can this browser run a model, and is it stored already? Downloads nothing but manifest.json. */
  static async availability(options: Pick<OpenOptions, 'model'>): Promise<Availability> {
    return availabilityOf(modelUrl(options.model))
  }

  /** Resolves when the model is in memory. Rejects with NearfieldError or the signal's reason. */
  static async open(options: OpenOptions): Promise<Nearfield> {
    options.signal?.throwIfAborted()
    const model = modelUrl(options.model).href
    const channel = new Channel(startWorker())
    try {
      const status = await channel.call(
        'open',
        { model, threads: options.threads ?? null },
        { signal: options.signal, onProgress: options.onProgress },
      )
      return new Nearfield(channel, status)
    } catch (error) {
      channel.close()
      throw error
    }
  }

  /** What runs here, as of now; a new object after every change. */
  get status(): Status {
    return this.#status
  }

  /** One caption. Requests run one at a time, in the order they came. */
  edit(request: EditRequest): Promise<EditResult> {
    const { signal, ...args } = request
    if (typeof args.text !== 'string') {
      return Promise.reject(new NearfieldError('bad_input', 'edit: text must be a string'))
    }
    return this.#channel.call('edit', args, { signal })
  }

  /** How fast this engine is here; for bench/, it blocks the queue for seconds. */
  bench(repeats = 5): Promise<Bench> {
    return this.#channel.call('bench', { repeats })
  }

  /** Frees the worker and the model's memory; what runs rejects with an AbortError. */
  close(): void {
    this.#channel.close()
    this.#status = { ...this.#status, state: 'closed' }
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
