/**
 * The browser and the machine as the page sees them: names, cores, memory, power, network,
 * isolation, threads. Looks at the values only; whether they suffice is not
 * judged here. What a browser does not tell is said to be unknown.
 */
import { type Fact, yesNo } from './lines.ts'
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

export async function browserFacts(): Promise<Fact[]> {
  const tells = navigator as unknown as Tells
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
  const battery = await within(() => getBattery.call(navigator))
  if (typeof battery === 'string') return battery
  return `${battery.charging ? 'mains' : 'battery'}, ${Math.round(100 * battery.level)} %`
}

export function threads(): string {
  if (globalThis.crossOriginIsolated !== true) return 'no: the page is not cross-origin isolated'
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    return 'yes'
  } catch (error) {
    return `no: ${error}`
  }
}
