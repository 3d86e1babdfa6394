/**
 * Where an edit ran and how long it took, small; pressed, the whole receipt. A native popover, so
 * that Escape, a click beside it and giving the focus back are the browser's.
 */
import type { Receipt } from 'nearfield'
import { useId, useRef } from 'react'
import {
  attemptText,
  backendName,
  knownText,
  placeName,
  routeText,
  sentText,
  WHY,
} from '../assist/where'
import { formatMs } from '../document/format'
import { FactList } from './facts'

interface Props {
  readonly receipt: Receipt
  /** Gets what opens the receipt, while it is shown. */
  readonly opener?: (open: (() => void) | undefined) => void
}

export function ReceiptText({ receipt, opener }: Props) {
  const id = useId()
  const panel = useRef<HTMLDivElement>(null)
  const known = knownText(receipt.why)
  const rows = receiptRows(receipt)
  return (
    <>
      <button
        ref={(button) => opener?.(button ? () => panel.current?.showPopover?.() : undefined)}
        type="button"
        className="receipt"
        popoverTarget={id}
        title="What this edit cost"
      >
        {placeName(receipt)}, {known ?? formatMs(receipt.totalMs)}
      </button>
      <div
        // The focus goes in as it opens, so that its text is read and Escape is its own; closed, the
        // browser gives it back. React's autoFocus is another thing.
        ref={(box) => {
          panel.current = box
          box?.setAttribute('autofocus', '')
        }}
        id={id}
        className="receipt-panel"
        popover="auto"
        role="dialog"
        aria-label="Receipt of this edit"
        tabIndex={-1}
      >
        <h2>What this edit cost</h2>
        <FactList rows={rows} />
      </div>
    </>
  )
}

export function receiptRows(receipt: Receipt): [string, string][] {
  const { source, backend, backendWhy, replacedKernels, model, why, attempts } = receipt
  const { queueMs, totalMs, passes, inputTokens, cachedTokens, outputTokens } = receipt
  const { drafted, accepted, forced, adapter, adapterProblem } = receipt
  const here = `This device, ${backendName(backend)}: ${WHY[backendWhy]}`
  const there = backend === 'upstream' ? 'The server, by another one' : 'The server'
  const route = routeText(why)
  const known = knownText(why)
  const waited = queueMs >= 1 ? `, after waiting ${formatMs(queueMs)}` : ''
  const rows: [string, string][] = [
    ['Ran on', source === 'device' ? here : there],
    ...(route ? [['Why there', route] as [string, string]] : []),
    ['Time', known ?? `${formatMs(totalMs)}${waited}`],
    ['Model', `${model.id}, ${passes} ${passes === 1 ? 'pass' : 'passes'}`],
    ['Prompt', `${inputTokens} tokens, ${cachedTokens} of them remembered`],
    ['Answer', `${outputTokens} tokens`],
  ]
  if (adapter) rows.push(['Tuned by', adapter.name || adapter.sha256.slice(0, 12)])
  if (adapterProblem) rows.push(['Not tuned', `the model alone answered: ${adapterProblem}`])
  if (drafted > 0) rows.push(['Draft', `${accepted} of ${drafted} tokens of the cue held`])
  if (replacedKernels) rows.push(['Replaced', `${replacedKernels}: wrong on this GPU`])
  if (forced > 0) rows.push(['Kept', `${forced} tokens of names, numbers or protected words`])
  rows.push(['Sent', sentText(receipt)])
  if (attempts.length > 1) rows.push(['Tried', attempts.map(attemptText).join('; ')])
  return rows
}
