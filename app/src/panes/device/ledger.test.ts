import { expect, it } from 'vitest'
import { added, NOTHING } from '../../assist/ledger'
import { ledgerRows } from './ledger'

const some = {
  device: { edits: 3, ms: 900 },
  server: { edits: 1, ms: 412, requests: 2, bytesSent: 2312, usd: 0.0021, wastedUsd: 0.0001 },
  saved: { usd: 0.004, ms: 1500 },
  failed: 1,
}

it('says nothing before the first edit, then what was done where, sent, spent and saved', () => {
  expect(ledgerRows(NOTHING)).toEqual([])
  expect(ledgerRows(some)).toEqual([
    ['Here', '3 edits, 900 ms waited'],
    ['Server', '1 edit, 1 more asked, 412 ms waited, 2 kB sent'],
    ['Spent', '$0.002100, $0.000100 of it unused'],
    ['Saved here', '1.5 s, $0.004000'],
    ['Failed', '1 edit'],
  ])
})

it('goes on over the engines of a page', () => {
  expect(added(NOTHING, some)).toEqual(some)
  expect(added(some, some)).toMatchObject({
    device: { edits: 6 },
    server: { requests: 4, bytesSent: 4624 },
    failed: 2,
  })
})
