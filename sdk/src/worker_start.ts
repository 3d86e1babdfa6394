/**
 * Starts engine.worker.js and tells it where the engine lies. Every file of the package that is
 * not this bundle is named here (but the router: route.ts), as the one literal that bundlers look
 * for; the worker and the modules need no bundling themselves. Throws a NearfieldError 'unsupported'
 * where the page may have no worker (a sandboxed frame, a policy).
 */
import type { WorkerLike } from './channel.ts'
import { NearfieldError } from './error.ts'
import { scriptUrl } from './trusted.ts'

export function startWorker(): WorkerLike {
  const script = new URL('./engine.worker.js', import.meta.url)
  const shapes = new URL(import.meta.url).searchParams.get('gpu') // a benchmark's: kernelsOf
  if (shapes) script.searchParams.set('gpu', shapes)
  const wasm = new URL('./nearfield.wasm', import.meta.url)
  let worker: WorkerLike
  try {
    worker = new Worker(scriptUrl(script.href), { type: 'module', name: 'nearfield' })
  } catch (error) {
    throw new NearfieldError('unsupported', `this page may start no worker: ${error}`)
  }
  worker.postMessage({ kind: 'start', wasm: wasm.href })
  return worker
}
