/**
 * What the edits of a page have cost, and what they would have cost elsewhere. Owns the sums; the
 * prices are the app's, so money is an estimate by tokens.
 */
import type { Place } from '../route.ts'
import type { LedgerSums } from '../types.ts'

/** One edit, over. */
export interface LedgerEntry {
  /** Whose answer was taken; null: there was none. */
  place: Place | null
  /** The page wanted none any more. */
  aborted: boolean
  ms: number
  /** Requests of the server, those of them that may be charged, and what one costs. */
  requests: number
  charged: number
  costUsd: number
  bytesSent: number
  /** What the server would have taken; null: not known. */
  serverMs: number | null
}

/** Before the first edit. */
export const none = (): LedgerSums => ({
  device: { edits: 0, ms: 0 },
  server: { edits: 0, ms: 0, requests: 0, bytesSent: 0, usd: 0, wastedUsd: 0 },
  saved: { usd: 0, ms: 0 },
  failed: 0,
})

export class Ledger {
  #sums = none()

  add({ place, aborted, ms, requests, charged, costUsd, bytesSent, serverMs }: LedgerEntry): void {
    const { server, saved } = this.#sums
    server.requests += requests
    server.bytesSent += bytesSent
    server.usd += charged * costUsd
    server.wastedUsd += Math.max(0, charged - (place === 'server' ? 1 : 0)) * costUsd
    if (place === null) {
      if (!aborted) this.#sums.failed++
      return
    }
    this.#sums[place].edits++
    this.#sums[place].ms += ms
    if (place === 'server') return
    saved.usd += Math.max(0, 1 - charged) * costUsd
    saved.ms += serverMs === null ? 0 : serverMs - ms
  }
  sums(): LedgerSums {
    return structuredClone(this.#sums)
  }
}
