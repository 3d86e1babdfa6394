/** Where an edit ran and why there, in words for a person. Knows no React. */
import type { Attempt, BackendWhy, Receipt } from 'nearfield'
import { formatBytes, formatMs, formatUsd } from '../document/format'

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

/** The router's reasons; of others the receipt says why on that backend. */
const ROUTES: Record<string, string> = {
  device_preferred: 'this device is preferred, and quick enough',
  device_faster: 'this device is quicker than the server',
  device_cheaper: 'the server costs more than the time it saves',
  device_deadline: 'only this device is expected in time',
  device_soon: 'the model is here before the server would answer',
  server_preferred: 'the server is preferred, and quick enough',
  server_faster: 'the server is quicker than this device',
  server_deadline: 'only the server is expected in time',
  only_on_device: 'nothing may leave this device',
  offline: 'there is no network',
  server_away: 'the server cannot be reached',
  server_failing: 'the server has failed, and is left alone a while',
  budget: 'it costs more than is left of the budget',
  only_in_cloud: 'only the server may answer',
  device_absent: 'there is no model on this device',
  device_loading: 'the model is still loading on this device',
  device_lost: 'the model of this device has stopped',
  device_failing: 'this device has failed, and is left alone a while',
  not_offered: 'this device does not offer it',
  context: 'the text is too long for the model of this device',
  memory: 'this device has too little memory left',
}
/** Why that place, in words; null when there was no choice. */
export const routeText = (why: string): string | null => ROUTES[why] ?? null

export const placeName = ({ source }: Receipt): string =>
  source === 'device' ? 'this device' : 'server'

/** What of the edit left the device. */
export function sentText({ bytesSent, costUsd, attempts }: Receipt): string {
  const cost = costUsd > 0 ? `, ${formatUsd(costUsd)}` : ''
  if (bytesSent > 0) return `${formatBytes(bytesSent)} to the server${cost}`
  const tried = attempts.some(({ source }) => source === 'server')
  return tried ? 'to a server that gave no answer' : 'nothing left this device'
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
