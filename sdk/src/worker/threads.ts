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

/** Starts up to n threads; resolves to how many parked. Fewer is not an error. */
export async function startThreads(runtime: Runtime, n: number): Promise<number> {
  const parked = await Promise.all(Array.from({ length: n }, () => startThread(runtime)))
  return parked.filter(Boolean).length
}

function startThread({ exports, module, memory }: Runtime): Promise<boolean> {
  const slot = exports.os_thread_prepare()
  if (slot < 0) return Promise.resolve(false)
  return new Promise((resolve) => {
    // This very script, wherever a bundler has put it: engine.worker.ts looks at the message.
    const worker = new Worker(scriptUrl(self.location.href), {
      type: 'module',
      name: `nearfield thread ${slot}`,
    })
    // A late worker is left alone: once it has parked, the engine may already count on it.
    const late = setTimeout(() => resolve(false), START_MS_MAX)
    const failed = () => {
      clearTimeout(late)
      resolve(false)
    }
    worker.onerror = failed
    worker.onmessageerror = failed
    worker.onmessage = (event: MessageEvent<ThreadParked>) => {
      clearTimeout(late)
      resolve(event.data.kind === 'parked')
    }
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
