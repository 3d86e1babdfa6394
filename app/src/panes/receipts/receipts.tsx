/**
 * With ?debug: the receipt of each edit, the newest first: where it ran, why there, what was tried,
 * what it cost. Nothing of the text is in it. Owns the list and its copy.
 */
import { useEffect, useRef } from 'react'
import type { LoggedReceipt } from '../../assist/assist'
import { TASKS } from '../../assist/tasks'
import { attemptText, knownText, placeName, routeText, sentText } from '../../assist/where'
import { formatMs, plural } from '../../document/format'
import { PanelTabs } from '../../shell/panel-tabs'
import { useApp, useAssist } from '../../shell/use'
import './receipts.css'

export function Receipts() {
  const { editor } = useApp()
  const receipts = useAssist((state) => state.receipts)
  const list = useRef<HTMLOListElement>(null)
  useEffect(() => {
    editor.focus.set('panel', () => list.current?.focus())
    return () => void editor.focus.delete('panel')
  }, [editor])

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(receiptsJson(receipts))
      editor.notify('info', `Copied: ${plural(receipts.length, 'receipt')}, without any text.`)
    } catch {
      editor.notify('error', 'The receipts were not copied: the browser did not allow it.')
    }
  }
  return (
    <section className="panel receipts" aria-label="Receipts">
      <header className="panel-head">
        <PanelTabs withCues={false} />
        {receipts.length > 0 && (
          <button type="button" className="quiet" onClick={() => void copy()}>
            Copy as JSON
          </button>
        )}
      </header>
      {receipts.length === 0 && (
        <p className="panel-empty">
          Each edit leaves a receipt here: where it ran, why, and what it cost.
        </p>
      )}
      <ol
        ref={list}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
        tabIndex={0}
        data-region="panel"
        aria-label="Receipts, the newest first"
        hidden={receipts.length === 0}
      >
        {receipts.map((logged) => (
          <Item key={logged.n} logged={logged} />
        ))}
      </ol>
    </section>
  )
}

function Item({ logged: { n, task, receipt } }: { logged: LoggedReceipt }) {
  const { source, why, totalMs, attempts } = receipt
  const known = knownText(why)
  const words = known ?? routeText(why)
  return (
    <li data-source={source} data-why={why}>
      <p>
        <span className="place">{n}</span> {TASKS[task].label}, {placeName(receipt)}
        {!known && `, ${formatMs(totalMs)}`} <code>{why}</code>
      </p>
      {words && <p>Why: {words}</p>}
      <p>Tried: {attempts.map(attemptText).join('; ')}</p>
      <p>{costText(receipt)}</p>
    </li>
  )
}

function costText(receipt: LoggedReceipt['receipt']): string {
  const { inputTokens, cachedTokens, outputTokens, passes } = receipt
  const read = `${plural(inputTokens, 'token')} read, ${cachedTokens} of them remembered`
  const sent = sentText(receipt)
  const gone = receipt.bytesSent > 0 ? `sent ${sent}` : sent
  return `${read}; ${outputTokens} written; ${plural(passes, 'pass', 'passes')}; ${gone}`
}

export const receiptsJson = (receipts: readonly LoggedReceipt[]): string =>
  JSON.stringify(
    receipts.map(({ n, task, receipt }) => ({ n, task, ...receipt })),
    null,
    2,
  )
