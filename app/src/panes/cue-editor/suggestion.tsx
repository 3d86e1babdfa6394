/**
 * What stands under the text: the question before a download, a suggestion as a word diff or as
 * several versions, or the findings of the cue. Takes the same room in every state, so that
 * nothing jumps.
 */
import { useEffect, useRef } from 'react'
import type { Suggestion } from '../../assist/assist'
import { verdictText } from '../../assist/assist'
import { answeringOf } from '../../assist/model'
import { TASKS } from '../../assist/tasks'
import type { Cue } from '../../document/cue'
import { savableText } from '../../document/format'
import { ActionButton } from '../../shell/action-button'
import { ReceiptText } from '../../shell/receipt'
import {
  useApp,
  useAssist,
  useChecks,
  useEditor,
  useFindings,
  useModelStore,
} from '../../shell/use'
import { ModelAsk, ServerAsk, useServerAsks } from '../device/model-ask'
import { findingText } from '../problems/finding'
import { Diff } from './diff'
import { After } from './measures'
import { Versions } from './versions'

export function SuggestionStrip({ cue }: { cue: Cue }) {
  const { editor } = useApp()
  const suggestion = useAssist((state) => state.suggestions.get(cue.id))
  const pending = useAssist((state) => state.pending.get(cue.id))
  const batchRuns = useAssist((state) => state.batch?.running === true)
  const answered = useModelStore((store) => answeringOf(store) !== null)
  const asks = (pending || batchRuns) && !answered
  const serverAsks = useServerAsks()
  const standing = suggestion?.before === cue.text ? suggestion : null
  const several = standing ? standing.versions.length > 1 : pending && TASKS[pending].versions > 1
  return (
    <div
      className="strip"
      id="suggestion"
      data-region="suggestion"
      data-several={several || undefined}
      data-asks={serverAsks || undefined}
    >
      {asks ? (
        <ModelAsk onDone={() => editor.focus.get('text')?.()} />
      ) : standing ? (
        <Offer cue={cue} suggestion={standing} waits={pending !== undefined} />
      ) : pending ? (
        <p className="shimmer">{TASKS[pending].waiting}</p>
      ) : (
        <Findings cue={cue} />
      )}
      {serverAsks && <ServerAsk onDone={() => editor.focus.get('text')?.()} />}
    </div>
  )
}

interface OfferProps {
  readonly cue: Cue
  readonly suggestion: Suggestion
  /** More versions are on their way. */
  readonly waits: boolean
}

function Offer({ cue, suggestion, waits }: OfferProps) {
  const { editor, actions } = useApp()
  const box = useRef<HTMLDivElement>(null)
  const { checks } = editor
  const { versions, after } = suggestion
  const changed = suggestion.verdict === 'changed'

  useEffect(() => checks.want([...versions]), [checks, versions])
  useEffect(() => {
    editor.focus.set('suggestion', () =>
      box.current?.querySelector<HTMLElement>('input:checked, button')?.focus(),
    )
    return () => void editor.focus.delete('suggestion')
  }, [editor])

  /** The button that was pressed goes away with what it did: the text takes the focus. */
  const then = (act: () => void) => {
    const inside = box.current?.contains(document.activeElement) ?? false
    act()
    if (inside) editor.focus.get('text')?.()
  }
  const accept = () => then(() => actions.by.accept.run())
  const take = (index: number) => then(() => editor.acceptChange(index))

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape works from every button inside
    <div
      ref={box}
      onKeyDown={(event) => {
        const popover = event.target instanceof Element && event.target.closest('[popover]')
        if (event.key === 'Escape' && !popover) then(() => actions.by.reject.run())
      }}
    >
      {!changed ? (
        <p className="verdict">{capital(verdictText(suggestion))}.</p>
      ) : versions.length > 1 ? (
        <Versions cue={cue} suggestion={suggestion} onAccept={accept} onTake={take} />
      ) : (
        <div className="version" data-only>
          <Diff before={cue.text} after={after} onTake={take} />
          <span className="measures">
            <After cue={cue} text={after} />
          </span>
        </div>
      )}
      <div className="offer-line">
        {changed && (
          <button type="button" className="primary" onClick={accept}>
            Accept <kbd>Tab</kbd>
          </button>
        )}
        <button type="button" onClick={() => then(() => actions.by.reject.run())}>
          Dismiss <kbd>Esc</kbd>
        </button>
        {waits ? (
          <p className="more">Looking…</p>
        ) : (
          versions.length === 1 && <ActionButton id="versions" label="More" showKey />
        )}
        <span className="spring" />
        <div className="measures">
          <ReceiptText receipt={suggestion.receipt} />
        </div>
      </div>
    </div>
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

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
