/** The line at the bottom: what just happened, the file in numbers, what runs, what it cost. */
import { useEffect } from 'react'
import type { ModelStore } from '../assist/model'
import { mayBeSent, serverEdits } from '../assist/model'
import { TASKS } from '../assist/tasks'
import { formatTime, plural } from '../document/format'
import { JobLine } from '../panes/jobs/job-line'
import { ActionButton } from './action-button'
import { openers } from './openers'
import { ReceiptText } from './receipt'
import { useApp, useAssist, useEditor, useJobs, useModelStore } from './use'
import { formatName } from './workspace'

export function StatusBar() {
  const batch = useAssist((state) => state.batch)
  const last = useAssist((state) => state.last)
  const panel = useEditor((state) => state.panel)
  const working = useJobs((state) => state.running !== null)
  return (
    <footer className="status">
      <Words />
      <span className="spring" />
      {batch?.running && panel !== 'review' && (
        <div className="job">
          <span>
            {TASKS[batch.task].doing} {batch.done} of {batch.total}
          </span>
          <progress aria-label="Progress" value={batch.done} max={batch.total} />
          <ActionButton id="stop" className="quiet" />
        </div>
      )}
      <JobLine />
      {last && !batch?.running && !working && (
        <div className="medium">
          Last edit:{' '}
          <ReceiptText
            receipt={last}
            opener={(open) => {
              openers.receipt = open
            }}
          />
        </div>
      )}
    </footer>
  )
}

const NOTE_MS = 6000

/** Who runs the edits a person asks for. */
function whoEdits(store: ModelStore): string {
  if (!serverEdits(store)) {
    return mayBeSent(store)
      ? 'Captions are edited on this device; the server helps out.'
      : 'Captions are edited on this device.'
  }
  return store.mode === 'prefer_in_cloud'
    ? 'The server runs the edits you ask for.'
    : 'The server runs the edits you ask for until the model is here.'
}

/** A note stands here for a while, in the place of the numbers. */
function Words() {
  const { editor } = useApp()
  const document = useEditor((state) => state.history?.present ?? null)
  const readOnly = useEditor((state) => state.readOnly)
  const note = useEditor((state) => state.note)
  const who = useModelStore(whoEdits)
  useEffect(() => {
    if (!note) return
    const timer = setTimeout(() => editor.store.set({ note: null }), NOTE_MS)
    return () => clearTimeout(timer)
  }, [note, editor])
  if (note) return <p className="note">{note.text}</p>
  if (!document) return <p>{who}</p>
  if (readOnly) {
    return <p className="read-only">Read only: this project is open in another tab.</p>
  }
  const end = document.cues.at(-1)?.endMs ?? 0
  return (
    <p>
      {plural(document.cues.length, 'cue')} · {formatName(document.format)} · {formatTime(end)}
    </p>
  )
}
