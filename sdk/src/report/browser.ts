/**
 * The browser and the machine as the page sees them: names, cores, memory, power, network,
 * isolation, what WebAssembly can do. Looks at the values only; whether they suffice is not
 * judged here. What a browser does not tell is said to be unknown.
 */
import { canRun, hasRelaxedSimd, hasSimd } from '../features.ts'
import type { Fact } from './lines.ts'
import { within } from './within.ts'

/** The part of `navigator` that is looked at; not every browser has all of it. */
interface Tells {
  userAgent?: string
  userAgentData?: { brands: { brand: string; version: string }[]; platform: string }
  platform?: string
  hardwareConcurrency?: number
  deviceMemory?: number
  onLine?: boolean
  connection?: { saveData?: boolean; effectiveType?: string; type?: string }
  getBattery?: () => Promise<{ charging: boolean; level: number }>
}

const unknown = 'unknown'
const yesNo = (value: boolean | undefined) => (value === undefined ? unknown : value ? 'yes' : 'no')

export async function browserFacts(): Promise<Fact[]> {
  const tells = (globalThis.navigator ?? {}) as Tells // Node 20 has none
  const { userAgentData: data, connection } = tells
  const brands = data?.brands.map(({ brand, version }) => `${brand} ${version}`).join(', ')
  const memory = tells.deviceMemory
  return [
    ['user agent', tells.userAgent ?? unknown],
    ['brands', brands || unknown],
    ['platform', data?.platform || tells.platform || unknown],
    ['cores', String(tells.hardwareConcurrency ?? unknown)],
    ['memory', memory === undefined ? unknown : `${memory} GB, as the browser rounds it`],
    ['power', await power(tells)],
    ['online', yesNo(tells.onLine)],
    [
      'connection',
      [connection?.type, connection?.effectiveType].filter(Boolean).join(', ') || unknown,
    ],
    ['save data', yesNo(connection ? connection.saveData === true : undefined)],
    ['secure context', yesNo(globalThis.isSecureContext)],
    ['cross-origin isolated', yesNo(globalThis.crossOriginIsolated)],
    ['in a frame', yesNo(globalThis.window && window.parent !== window)],
  ]
}

async function power({ getBattery }: Tells): Promise<string> {
  if (!getBattery) return unknown
  const battery = await within(() => getBattery.call(globalThis.navigator))
  if (typeof battery === 'string') return battery
  return `${battery.charging ? 'mains' : 'battery'}, ${Math.round(100 * battery.level)} %`
}

export function wasmFacts(): Fact[] {
  if (typeof WebAssembly !== 'object') return [['WebAssembly', 'none']]
  return [
    ['compiles', compiles()],
    ['simd', yesNo(hasSimd())],
    ['relaxed simd', yesNo(hasRelaxedSimd())],
    ['threads', threads()],
    ['everything the engine needs', yesNo(canRun())],
  ]
}

/** The smallest module; a policy may forbid it. */
function compiles(): string {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
    return 'yes'
  } catch (error) {
    return `no: ${error}`
  }
}

function threads(): string {
  if (globalThis.crossOriginIsolated !== true) return 'no: the page is not cross-origin isolated'
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    return 'yes'
  } catch (error) {
    return `no: ${error}`
  }
}
