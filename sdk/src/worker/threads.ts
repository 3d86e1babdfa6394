/**
 * Threads of the engine are workers that park inside the wasm module before the engine opens
 * (a blocked worker cannot start others). Owns starting them; protocol: src/os/os_wasm.c.
 */
import { noGpu } from '../gpu/none.ts'
import type { ThreadParked, ThreadStart } from '../protocol.ts'
import { scriptUrl } from '../trusted.ts'
import type { Exports } from './exports.ts'
import { clockMs, type Runtime } from './runtime.ts'

const START_MS_MAX = 10_000

export interface Threads {
  /** To be terminated with the engine, parked or not. */
  workers: Worker[]
  /** Resolves when each has parked, failed, or is late. Fewer than asked for is not an error. */
  ready: Promise<unknown>
}

/** Starts up to n threads. */
export function startThreads(runtime: Runtime, n: number): Threads {
  const workers: Worker[] = []
  const parking: Promise<void>[] = []
  for (let i = 0; i < n; i++) {
    const slot = runtime.exports.os_thread_prepare()
    if (slot < 0) break
    // This very script, wherever a bundler has put it: engine.worker.ts looks at the message.
    const worker = new Worker(scriptUrl(self.location.href), {
      type: 'module',
      name: `nearfield thread ${slot}`,
    })
    workers.push(worker)
    parking.push(park(runtime, worker, slot))
  }
  return { workers, ready: Promise.all(parking) }
}

function park({ exports, module, memory }: Runtime, worker: Worker, slot: number): Promise<void> {
  return new Promise((resolve) => {
    // A late worker is left alone: once it has parked, the engine may already count on it.
    const late = setTimeout(resolve, START_MS_MAX)
    const done = () => {
      clearTimeout(late)
      resolve()
    }
    worker.onerror = done
    worker.onmessageerror = done
    worker.onmessage = (_: MessageEvent<ThreadParked>) => done()
    const start: ThreadStart = {
      kind: 'thread',
      module,
      memory,
      slot,
      stackTop: exports.os_thread_stack_top(slot),
      tls: exports.os_thread_tls(slot),
    }
    worker.postMessage(start)
  })
}

/** In the thread's own worker: serve the engine until the worker is terminated. */
export async function serveAsThread({
  module,
  memory,
  slot,
  stackTop,
  tls,
}: ThreadStart): Promise<never> {
  // Threads compute on the CPU; the GPU belongs to the engine's own worker.
  const env = { memory, nf_clock_ms: clockMs, ...noGpu }
  const instance = await WebAssembly.instantiate(module, { env })
  const exports = instance.exports as unknown as Exports
  exports.__stack_pointer.value = stackTop // first: nothing may run on the engine's stack
  exports.__wasm_init_tls(tls)
  exports.os_thread_park(slot)
  self.postMessage({ kind: 'parked' } satisfies ThreadParked)
  exports.os_thread_entry(slot)
  throw new Error('os_thread_entry returned')
}
