/**
 * What stands under the text: the question before a download, a suggestion as a word diff, or
 * the findings of the cue. Takes the same room in every state, so that nothing jumps.
 */
import { useEffect, useRef } from 'react'
import type { Suggestion } from '../../assist/assist'
import { verdictText } from '../../assist/assist'
import type { Cue } from '../../document/cue'
import { cps, savableText } from '../../document/format'
import { describeChange, wordDiff } from '../../document/worddiff'
import { ReceiptText } from '../../shell/receipt'
import { useApp, useAssist, useChecks, useEditor, useFindings, useModel } from '../../shell/use'
import { ModelAsk } from '../device/model-ask'
import { findingText } from '../problems/finding'

export function SuggestionStrip({ cue }: { cue: Cue }) {
  const { editor } = useApp()
  const suggestion = useAssist((state) => state.suggestions.get(cue.id))
  const pending = useAssist((state) => state.pending.get(cue.id))
  const batchWaits = useAssist((state) => state.batch?.running === true && state.batch.done === 0)
  const model = useModel()
  const asks = (pending || batchWaits) && model.kind !== 'ready'
  return (
    <div className="strip" id="suggestion" data-region="suggestion">
      {asks ? (
        <ModelAsk onDone={() => editor.focus.get('text')?.()} />
      ) : pending ? (
        <p className="shimmer">
          {pending === 'fix' ? 'Reading the cue…' : 'Looking for a shorter line…'}
        </p>
      ) : suggestion?.before === cue.text ? (
        <Offer cue={cue} suggestion={suggestion} />
      ) : (
        <Findings cue={cue} />
      )}
    </div>
  )
}

function Offer({ cue, suggestion }: { cue: Cue; suggestion: Suggestion }) {
  const { editor, actions } = useApp()
  const box = useRef<HTMLDivElement>(null)
  const checks = editor.checks
  const changed = suggestion.verdict === 'changed'
  const parts = changed ? wordDiff(cue.text, suggestion.after) : []

  useEffect(() => checks.want([suggestion.after]), [checks, suggestion.after])
  useEffect(() => {
    editor.focus.set('suggestion', () => box.current?.querySelector('button')?.focus())
    return () => void editor.focus.delete('suggestion')
  }, [editor])

  /** The button that was pressed goes away with what it did: the text takes the focus. */
  const then = (act: () => void) => {
    const inside = box.current?.contains(document.activeElement) ?? false
    act()
    if (inside) editor.focus.get('text')?.()
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape works from every button inside
    <div
      ref={box}
      onKeyDown={(event) => {
        if (event.key === 'Escape') then(() => actions.by.reject.run())
      }}
    >
      {changed ? (
        <p className="diff">
          {parts.map((part) =>
            part.kind === 'same' ? (
              part.text
            ) : (
              <button
                key={part.index}
                type="button"
                className="change"
                title="Accept only this"
                onClick={() => then(() => editor.acceptChange(part.index))}
              >
                <Said>Accept: </Said>
                {part.removed && <del>{visible(part.removed)}</del>}
                <Said>{joint(part.removed, part.added)}</Said>
                {part.added && <ins>{visible(part.added)}</ins>}
              </button>
            ),
          )}
        </p>
      ) : (
        <p className="verdict">{capital(verdictText(suggestion))}.</p>
      )}
      <div className="offer-line">
        {changed && (
          <button
            type="button"
            className="primary"
            onClick={() => then(() => actions.by.accept.run())}
          >
            Accept <kbd>Tab</kbd>
          </button>
        )}
        <button type="button" onClick={() => then(() => actions.by.reject.run())}>
          Dismiss <kbd>Esc</kbd>
        </button>
        <span className="spring" />
        <p className="measures">
          {changed && <After cue={cue} text={suggestion.after} />}
          <ReceiptText receipt={suggestion.receipt} />
        </p>
      </div>
    </div>
  )
}

/** Rate and length the cue would have. */
function After({ cue, text }: { cue: Cue; text: string }) {
  const measure = useChecks((state) => state.measures.get(text))
  const rate = measure && cps(measure.chars, cue.startMs, cue.endMs)
  if (!measure || rate === undefined) return null
  return (
    <>
      {measure.chars} chars{rate !== null && ` · ${rate.toFixed(1)} cps`} ·{' '}
    </>
  )
}

function Findings({ cue }: { cue: Cue }) {
  const findings = useFindings()
  const linted = useChecks((state) => state.linted)
  const mine = findings.filter((finding) => linted?.cues[finding.cue]?.id === cue.id)
  const format = useEditor((state) => state.project?.format)
  const empty = format && cue.text.includes('\n') && savableText(cue.text, format) !== cue.text
  return (
    <ul className="findings">
      {empty && <li>An empty line would end the cue: the saved file leaves it out.</li>}
      {mine.map((finding) => (
        <li key={finding.rule}>{findingText(finding)}</li>
      ))}
    </ul>
  )
}

/** For ears only: the colours' meaning in words, so that the button reads "Accept: a becomes b". */
const Said = ({ children }: { children: string }) => <span className="hidden">{children}</span>

/** What stands between the words seen; a space or line break alone would not be heard. */
function joint(removed: string, added: string): string {
  if (removed.trim() && added.trim()) return ' becomes '
  if (removed.trim() && !added) return ' removed'
  if (added.trim() && !removed) return 'added '
  return ` ${describeChange(removed, added)} `
}

/** A removed or added line break must be seen. */
const visible = (text: string) => text.replaceAll('\n', '↵\n')

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
