import { describe, expect, it } from 'vitest'
import { receipt, serverReceipt } from '../../tests/fake/engine'
import { receiptsJson } from '../panes/receipts/receipts'
import { receiptRows } from '../shell/receipt'
import { sentText } from './where'

const value = (rows: [string, string][], name: string) => rows.find(([key]) => key === name)?.[1]

describe('a receipt in words', () => {
  it('of the server says so, why, and what was sent', () => {
    const rows = receiptRows(serverReceipt)
    expect(value(rows, 'Ran on')).toBe('The server')
    expect(value(rows, 'Why there')).toBe('there is no model on this device')
    expect(value(rows, 'Sent')).toBe('312 B to the server')
  })

  it('of the device names a server that was tried in vain: its text may have left', () => {
    expect(sentText(receipt)).toBe('nothing left this device')
    const attempts = [
      { source: 'server', backend: 'native', outcome: 'network', ms: 3 },
      { source: 'device', backend: 'wasm', outcome: 'ok', ms: 38 },
    ] as const
    expect(sentText({ ...receipt, attempts: [...attempts] })).toBe(
      'to a server that gave no answer',
    )
    expect(sentText({ ...receipt, bytesSent: 312, costUsd: 0.000042 })).toBe(
      '312 B to the server, $0.000042',
    )
  })

  it('is copied with its number and task, the newest first', () => {
    const json = receiptsJson([
      { n: 2, task: 'fix', receipt: serverReceipt },
      { n: 1, task: 'shorten', receipt },
    ])
    expect(JSON.parse(json)).toMatchObject([
      { n: 2, task: 'fix', source: 'server', why: 'device_absent' },
      { n: 1, task: 'shorten', source: 'device' },
    ])
  })
})
