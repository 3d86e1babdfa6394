/**
 * The cue in hand: its times and measures, its text, and under it what is suggested or wrong.
 * Owns the text box and its caret; suggestions are suggestion.tsx.
 */
import { useEffect, useLayoutEffect, useRef } from 'react'
import { answeringOf, soleStatus } from '../../assist/model'
import { notOffered, TASKS } from '../../assist/tasks'
import type { Cue } from '../../document/cue'
import { formatTime } from '../../document/format'
import { spliceBetween } from '../../document/typing'
import { ActionButton } from '../../shell/action-button'
import { useApp, useEditor, useModelStore } from '../../shell/use'
import './cue-editor.css'
import { Measures } from './measures'
import { SuggestionStrip } from './suggestion'
import { Times } from './times'

export function CueEditor() {
  const document = useEditor((state) => state.history?.present)
  const activeId = useEditor((state) => state.activeId)
  const i = activeId === null ? undefined : document?.order.get(activeId)
  const cue = i === undefined ? undefined : document?.cues[i]
  if (!document || i === undefined || !cue) return null
  return (
    <section className="cue-editor" aria-label="The cue in hand">
      <header className="cue-head">
        <h2>
          Cue {i + 1} <span>of {document.cues.length}</span>
        </h2>
      </header>
      <TextBox cue={cue} />
      {/* Seen in the head; in the order of the Tab key the text comes first. */}
      <Times cue={cue} />
      <div className="cue-line">
        <TaskButtons />
        <span className="spring" />
        <Measures cue={cue} />
      </div>
      <SuggestionStrip cue={cue} />
    </section>
  )
}

/** Fix and Shorten, and beside them what else is offered; the palette has all of them. */
function TaskButtons() {
  const answered = useModelStore((store) => answeringOf(store) !== null)
  const status = useModelStore(soleStatus)
  const more = (['formal', 'casual', 'simple', 'rewrite'] as const).filter(
    (task) => answered && notOffered(status, task) === '',
  )
  return (
    <>
      <ActionButton id="fix" label={TASKS.fix.label} showKey={more.length === 0} />
      <ActionButton id="shorten" label={TASKS.shorten.label} showKey={more.length === 0} />
      {more.map((task) => (
        <ActionButton key={task} id={task} label={TASKS[task].label} />
      ))}
    </>
  )
}

function TextBox({ cue }: { cue: Cue }) {
  const { editor } = useApp()
  const readOnly = useEditor((state) => state.readOnly)
  const field = useRef<HTMLTextAreaElement>(null)
  const shown = useRef({ id: cue.id, text: cue.text, typed: false })

  useEffect(() => {
    editor.focus.set('text', () => field.current?.focus())
    return () => void editor.focus.delete('text')
  }, [editor])

  // A text changed by undo or an accepted suggestion leaves the caret where the change ends.
  useLayoutEffect(() => {
    const last = shown.current
    shown.current = { id: cue.id, text: cue.text, typed: false }
    if (last.typed || last.text === cue.text || !field.current) return
    const { start, inserted } = spliceBetween(last.id === cue.id ? last.text : '', cue.text)
    const caret = last.id === cue.id ? start + inserted.length : cue.text.length
    field.current.setSelectionRange(caret, caret)
  }, [cue])

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey
    if (event.key === 'Tab' && plain) {
      if (!editor.accept()) return
    } else if (event.key === 'Escape') {
      if (!editor.reject()) editor.focus.get('list')?.()
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) editor.step(1)
    else return
    event.preventDefault()
  }

  return (
    <textarea
      ref={field}
      data-region="text"
      aria-label={`Text of cue, ${formatTime(cue.startMs)}`}
      aria-describedby="suggestion"
      rows={2}
      spellCheck
      readOnly={readOnly}
      value={cue.text}
      onChange={(event) => {
        shown.current.typed = true
        editor.type(cue.id, event.target.value)
      }}
      onKeyDown={onKeyDown}
    />
  )
}
