/** worker_start.ts for node: the worker is a thread (thread.ts) and has its own bundle. */
import type { WorkerLike } from '../channel.ts'
import { Worker } from './thread.ts'

export function startWorker(): WorkerLike {
  const wasm = new URL('./nearfield.wasm', import.meta.url)
  const script = new URL('./node-worker.js', import.meta.url)
  const worker = new Worker(script, { name: 'nearfield' }) as unknown as WorkerLike
  worker.postMessage({ kind: 'start', wasm: wasm.href })
  return worker
}
