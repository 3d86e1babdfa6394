/** Sums of edits over the engines a page has had, one after the other. Knows no React. */
import type { LedgerSums } from 'nearfield'

export const NOTHING: LedgerSums = {
  device: { edits: 0, ms: 0 },
  server: { edits: 0, ms: 0, requests: 0, bytesSent: 0, usd: 0, wastedUsd: 0 },
  saved: { usd: 0, ms: 0 },
  failed: 0,
}

export function added(a: LedgerSums, b: LedgerSums): LedgerSums {
  return {
    device: { edits: a.device.edits + b.device.edits, ms: a.device.ms + b.device.ms },
    server: {
      edits: a.server.edits + b.server.edits,
      ms: a.server.ms + b.server.ms,
      requests: a.server.requests + b.server.requests,
      bytesSent: a.server.bytesSent + b.server.bytesSent,
      usd: a.server.usd + b.server.usd,
      wastedUsd: a.server.wastedUsd + b.server.wastedUsd,
    },
    saved: { usd: a.saved.usd + b.saved.usd, ms: a.saved.ms + b.saved.ms },
    failed: a.failed + b.failed,
  }
}
