/** What the edits of this page have cost and saved so far. Owns the words; the sums are the SDK's. */
import type { LedgerSums } from 'nearfield'
import { formatBytes, formatCount, formatMs, formatUsd, plural } from '../../document/format'
import { FactList } from '../../shell/facts'
import { useAssist } from '../../shell/use'

export function Ledger() {
  const sums = useAssist((state) => state.sums)
  const rows = ledgerRows(sums)
  if (rows.length === 0) return null
  return (
    <>
      <h3>Edits since the page was opened</h3>
      <FactList rows={rows} />
    </>
  )
}

/** None before the first edit. */
export function ledgerRows({ device, server, saved, failed }: LedgerSums): [string, string][] {
  const rows: [string, string][] = []
  if (device.edits > 0) {
    rows.push(['Here', `${plural(device.edits, 'edit')}, ${formatMs(device.ms)} waited`])
  }
  if (server.requests > 0 || server.edits > 0) {
    const more = server.requests - server.edits
    const asked = more > 0 ? `, ${formatCount(more)} more asked` : ''
    const waited = server.edits > 0 ? `, ${formatMs(server.ms)} waited` : ''
    const sent = `, ${formatBytes(server.bytesSent)} sent`
    rows.push(['Server', `${plural(server.edits, 'edit')}${asked}${waited}${sent}`])
  }
  if (server.usd > 0) {
    const wasted = server.wastedUsd > 0 ? `, ${formatUsd(server.wastedUsd)} of it unused` : ''
    rows.push(['Spent', `${formatUsd(server.usd)}${wasted}`])
  }
  const gains = [saved.ms > 0 && formatMs(saved.ms), saved.usd > 0 && formatUsd(saved.usd)]
  const gained = gains.filter((gain) => gain !== false)
  if (gained.length > 0) rows.push(['Saved here', gained.join(', ')])
  if (failed > 0) rows.push(['Failed', plural(failed, 'edit')])
  return rows
}
