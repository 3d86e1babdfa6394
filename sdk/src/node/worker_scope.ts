/**
 * What engine.worker.ts takes from a worker of the web, for a thread of node's: build.mjs puts the
 * exported names in the place of the globals. Read next: thread.ts (the other end).
 */
import os from 'node:os'
import { parentPort, type Transferable } from 'node:worker_threads'
import { Worker } from './thread.ts'
import { hasThreads } from './threads.ts'

export { fetch } from './files.ts'
export { Worker }

if (!parentPort) throw new Error('node-worker.js is for a worker thread')
const port = parentPort

// asked for by their place in globalThis; this realm is the package's own
Object.assign(globalThis, { Worker, crossOriginIsolated: hasThreads })

export const self = {
  location: { href: import.meta.url },
  postMessage(message: unknown, { transfer = [] }: { transfer?: Transferable[] } = {}): void {
    port.postMessage(message, transfer)
  },
  set onmessage(hear: (event: { data: unknown }) => void) {
    port.on('message', (data) => hear({ data }))
  },
}

export const navigator = {
  hardwareConcurrency: os.availableParallelism(),
  userAgent: `Node.js ${process.version}`,
  locks: globalThis.navigator?.locks, // where node has them
}
