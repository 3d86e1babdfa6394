/**
 * How the page's last calls ended: numbers of receipts, codes of errors. An error's line is shown
 * only where it cannot hold a text that was edited: of open(), and of a device that failed.
 */
import { NearfieldError } from '../error.ts'
import type { GenerateReceipt } from '../generate.ts'
import type { Noted } from '../journal.ts'
import type { Receipt } from '../types.ts'
import { type Fact, milliseconds } from './lines.ts'

type AnyReceipt = GenerateReceipt & Partial<Pick<Receipt, 'drafted' | 'accepted'>>

export const callFacts = (journal: readonly Noted[]): Fact[] =>
  journal.length === 0
    ? [['calls', 'none yet']]
    : journal.map((noted) => [
        `${new Date(noted.at).toISOString().slice(11, 23)} ${noted.call}`,
        endedLine(noted),
      ])

function endedLine({ call, ended }: Noted): string {
  if (ended === null) return 'ok'
  if (ended instanceof NearfieldError) {
    const { code, message } = ended
    const shown = call === 'open' || call === 'load' || code === 'lost' || code === 'no_memory'
    return shown ? `${code}: ${message}` : code
  }
  if (ended instanceof Error || ended instanceof DOMException) return ended.name
  if (typeof ended === 'object' && ended && 'totalMs' in ended)
    return receiptLine(ended as AnyReceipt)
  return 'ended by its signal'
}

function receiptLine(receipt: AnyReceipt): string {
  const { source, backend, queueMs, firstTokenMs, totalMs } = receipt
  const { inputTokens, cachedTokens, outputTokens, passes, attempts } = receipt
  const drafts =
    receipt.drafted === undefined ? '' : `, drafted ${receipt.accepted} of ${receipt.drafted}`
  const tried = attempts.length > 1 ? `; tried ${attempts.map(attemptText).join(', ')}` : ''
  const times = `queue ${milliseconds(queueMs)}, first ${milliseconds(firstTokenMs)}`
  const tokens = `in ${inputTokens} (${cachedTokens} cached), out ${outputTokens}`
  return (
    `${source} ${backend}, ${milliseconds(totalMs)} (${times}), tokens ${tokens}, ` +
    `${passes} passes${drafts}${tried}`
  )
}

const attemptText = ({ backend, outcome, ms }: Receipt['attempts'][number]) =>
  `${backend} ${outcome} ${milliseconds(ms)}`
