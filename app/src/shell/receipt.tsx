/** Where an edit ran and how long it took, small; the rest of the receipt on hover. */
import type { Receipt } from 'nearfield'
import { formatMs } from '../document/format'

export function ReceiptText({ receipt }: { receipt: Receipt }) {
  const { source, backend, totalMs, inputTokens, outputTokens, passes } = receipt
  const detail = `${backend}, ${inputTokens} tokens in, ${outputTokens} out, ${passes} passes`
  return (
    <span className="receipt" title={detail}>
      {source === 'device' ? 'this device' : 'server'}, {formatMs(totalMs)}
    </span>
  )
}
