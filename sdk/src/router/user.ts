/**
 * What the browser tells of its user: offline, save-data, a metered network, battery. Owns the
 * names of browser APIs that not every browser has; what is missing is not known.
 */
import type { UserFacts } from '../route.ts'

interface Connection {
  saveData?: boolean
  /** 'cellular' is taken for metered. */
  type?: string
}
interface Battery {
  charging: boolean
  level: number
}
/** The part of `navigator` that is looked at. */
export interface Tells {
  onLine?: boolean
  connection?: Connection
  getBattery?: () => Promise<Battery>
}

/** Facts as of each call. The battery is asked for once, and is known a moment later. */
export function watchUser(
  tells: Tells = globalThis.navigator as unknown as Tells,
): () => UserFacts {
  let battery: Battery | null = null
  void tells?.getBattery?.().then(
    (told) => {
      battery = told // a live object
    },
    () => {},
  )
  return () => ({
    offline: tells?.onLine === false,
    saveData: tells?.connection?.saveData === true,
    metered: tells?.connection?.type === 'cellular',
    ...(battery ? { discharging: !battery.charging, battery: battery.level } : {}),
  })
}
