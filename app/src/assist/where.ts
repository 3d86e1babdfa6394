/** Where an edit ran and why there, in words for a person. Knows no React. */
import type { Attempt, BackendWhy, Receipt } from 'nearfield'
import { formatMs } from '../document/format'

const BACKENDS: Record<Receipt['backend'], string> = {
  webgpu: 'GPU',
  wasm: 'CPU',
  native: 'server',
  upstream: 'upstream server',
}
export const backendName = (backend: Receipt['backend']): string => BACKENDS[backend]

export const WHY: Record<BackendWhy, string> = {
  asked: 'it was asked for',
  faster: 'measured faster here',
  slower: 'the GPU is slower here',
  unmeasured: 'the GPU was not measured yet',
  no_webgpu: 'no GPU for this page',
  software_adapter: 'the GPU is only software',
  refused: 'the GPU cannot run the model',
  no_memory: 'not enough memory for the other',
  lost: 'the GPU was lost',
}

/** "ready before you asked", when it took no time now. */
export function knownText(why: string): string | null {
  if (why === 'prefetched') return 'ready before you asked'
  return why === 'remembered' ? 'known already' : null
}

const OUTCOMES: Record<Attempt['outcome'], string> = {
  ok: 'answered',
  lost: 'lost',
  no_memory: 'out of memory',
  refused: 'refused',
  network: 'had no answer',
  timeout: 'given up',
  cancelled: 'overtaken',
}
/** "GPU lost after 120 ms" */
export function attemptText({ backend, outcome, ms }: Attempt): string {
  const joint = outcome === 'ok' ? 'in' : 'after'
  return `${backendName(backend)} ${OUTCOMES[outcome]} ${joint} ${formatMs(ms)}`
}
