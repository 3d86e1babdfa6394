/** Starts engine.worker.js. Alone in a file so that bundlers see the one literal they look for. */
import type { WorkerLike } from './channel.ts'

export function startWorker(): WorkerLike {
  return new Worker(new URL('./engine.worker.js', import.meta.url), { type: 'module', name: 'nearfield' })
}
