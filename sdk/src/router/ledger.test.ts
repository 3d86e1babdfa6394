import { expect, test } from 'vitest'
import { Ledger } from './ledger.ts'

const none = { requests: 0, charged: 0, bytesSent: 0 }
const entry = { aborted: false, ms: 100, ...none, costUsd: 0.5, serverMs: 300 }

test('money and time are counted where they were spent and saved', () => {
  const ledger = new Ledger()
  ledger.add({ ...entry, place: 'device' })
  ledger.add({ ...entry, place: 'device', serverMs: null })
  ledger.add({ ...entry, place: 'device', requests: 1, charged: 1, bytesSent: 80 }) // a hedge that lost
  ledger.add({ ...entry, place: 'server', requests: 3, charged: 2, bytesSent: 240, ms: 400 })
  ledger.add({ ...entry, place: null, requests: 1, charged: 1, bytesSent: 80 })
  ledger.add({ ...entry, place: null, aborted: true })
  expect(ledger.sums()).toEqual({
    device: { edits: 3, ms: 300 },
    server: { edits: 1, ms: 400, requests: 5, bytesSent: 400, usd: 2, wastedUsd: 1.5 },
    saved: { usd: 1, ms: 400 },
    failed: 1,
  })
})

test('what is handed out is a copy', () => {
  const ledger = new Ledger()
  ledger.sums().device.edits = 9
  expect(ledger.sums().device.edits).toBe(0)
})
