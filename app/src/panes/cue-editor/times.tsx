/**
 * Start, end and length of the cue in hand, each a field to type in. What was typed counts on
 * Enter, when the field is left, or before any other key command; Escape takes it back.
 * Owns no rule: what is a time is document/format.ts, what a cue may have document/commands.ts.
 */
import { useEffect, useRef, useState } from 'react'
import type { Cue, CueId } from '../../document/cue'
import { formatTime, parseTime } from '../../document/format'
import { useApp, useEditor } from '../../shell/use'

export function Times({ cue }: { cue: Cue }) {
  const { editor } = useApp()
  const first = useRef<HTMLInputElement>(null)
  const { id, startMs, endMs } = cue
  useEffect(() => {
    editor.focus.set('times', () => first.current?.focus())
    return () => void editor.focus.delete('times')
  }, [editor])
  return (
    <div className="times">
      <TimeField
        field={first}
        name="Start"
        id={id}
        shown={formatTime(startMs)}
        take={(ms) => editor.setTimes(id, ms, endMs)}
      />
      <span aria-hidden="true">–</span>
      <TimeField
        name="End"
        id={id}
        shown={formatTime(endMs)}
        take={(ms) => editor.setTimes(id, startMs, ms)}
      />
      <TimeField
        name="Length"
        id={id}
        shown={((endMs - startMs) / 1000).toFixed(3)}
        take={(ms) => editor.setTimes(id, startMs, startMs + ms)}
      />
      <span aria-hidden="true">s</span>
    </div>
  )
}

interface Props {
  readonly field?: React.Ref<HTMLInputElement>
  readonly name: 'Start' | 'End' | 'Length'
  readonly id: CueId
  /** The value as it stands; what is typed begins with it. */
  readonly shown: string
  /** False when the cue cannot have it. */
  readonly take: (ms: number) => boolean
}

function TimeField({ field, name, id, shown, take }: Props) {
  const { editor } = useApp()
  const readOnly = useEditor((state) => state.readOnly)
  const [draft, setDraft] = useState<{ id: CueId; text: string } | null>(null)
  const [wrong, setWrong] = useState(false)
  const typed = draft?.id === id ? draft.text : null

  const drop = () => {
    setDraft(null)
    setWrong(false)
  }
  /** False when there is something typed that is no time for this cue. */
  const commit = (): boolean => {
    if (typed === null || typed.trim() === shown) return true
    const ms = parseTime(typed)
    if (ms === null) editor.notify('info', `Times not changed: "${typed}" is not a time.`)
    return ms !== null && take(ms)
  }

  const onKeyDown = (event: React.KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter') {
      if (commit()) drop()
      else setWrong(true)
      event.currentTarget.select()
    } else if (event.key === 'Escape') {
      drop()
      editor.focus.get('text')?.()
    } else {
      const command = event.ctrlKey || event.metaKey || event.altKey || /^F\d/.test(event.key)
      const edits = /^[acvx]$/i.test(event.key) && !event.altKey
      if (command && !edits && !MODIFIERS.has(event.key)) {
        commit()
        drop()
      }
      return
    }
    event.preventDefault()
  }

  return (
    <input
      ref={field}
      data-region="text"
      type="text"
      inputMode="decimal"
      className="time"
      aria-label={name}
      aria-invalid={wrong || undefined}
      title={name}
      autoComplete="off"
      spellCheck={false}
      readOnly={readOnly}
      value={typed ?? shown}
      onFocus={(event) => event.currentTarget.select()}
      onChange={(event) => {
        setDraft({ id, text: event.target.value })
        setWrong(false)
      }}
      onKeyDown={onKeyDown}
      onBlur={() => {
        commit()
        drop()
      }}
    />
  )
}

const MODIFIERS = new Set(['Control', 'Meta', 'Alt', 'Shift'])
