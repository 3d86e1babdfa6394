/** Where an edit ran and how long it took, small; the rest of the receipt on hover. */
import type { Receipt } from 'nearfield'
import { formatMs } from '../document/format'

const KNOWN = { prefetched: 'ready before you asked', remembered: 'known already' }

export function ReceiptText({ receipt }: { receipt: Receipt }) {
  const { source, backend, totalMs, inputTokens, outputTokens, passes, why } = receipt
  const { drafted, accepted } = receipt
  const where = { webgpu: 'WebGPU', wasm: 'CPU', native: 'server', upstream: 'upstream' }[backend]
  const known = why === 'prefetched' || why === 'remembered'
  const detail = [
    `${where}, ${inputTokens} tokens in, ${outputTokens} out, ${passes} passes`,
    `${accepted} of ${drafted} drafted tokens accepted`,
    known ? KNOWN[why] : `why here: ${why}`,
  ].join('\n')
  return (
    <span className="receipt" title={detail}>
      {source === 'device' ? 'this device' : 'server'}, {known ? KNOWN[why] : formatMs(totalMs)}
    </span>
  )
}
