/**
 * report/machine.ts for node: its version, the machine, the memory. No names of the host, of the
 * user or of files, no flags, nothing of the environment.
 */
import os from 'node:os'
import { type Fact, megabytes, section } from '../report/lines.ts'
import { wasmFacts } from '../report/wasm.ts'
import { hasThreads } from './threads.ts'

export async function machineSections(): Promise<string[]> {
  const facts: Fact[] = [
    ['Node', `${process.version}, V8 ${process.versions.v8}`],
    ['platform', `${process.platform} ${process.arch}, ${os.release()}`],
    ['processor', os.cpus()[0]?.model.trim() || 'unknown'],
    ['cores', String(os.availableParallelism())],
    ['memory', `${megabytes(os.totalmem())}, ${megabytes(os.freemem())} of it free`],
    ['of it for this process', limit()],
    ['taken by this process', megabytes(process.memoryUsage.rss())],
  ]
  const threads = () => (hasThreads ? 'yes' : 'no: not before Node 22')
  return [section('Node', facts), section('WebAssembly', wasmFacts(threads))]
}

/** As a container sets it. */
function limit(): string {
  const bytes = process.constrainedMemory?.() ?? 0 // since Node 20.12
  return bytes > 0 && bytes < os.totalmem() ? megabytes(bytes) : 'all'
}
