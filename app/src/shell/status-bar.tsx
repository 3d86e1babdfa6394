/** The line at the bottom: the file in numbers, what runs now, what the last edit cost. */
import { formatTime, plural } from '../document/format'
import { ActionButton } from './action-button'
import { ReceiptText } from './receipt'
import { useAssist, useEditor } from './use'
import { formatName } from './workspace'

export function StatusBar() {
  const document = useEditor((state) => state.history?.present ?? null)
  const batch = useAssist((state) => state.batch)
  const last = useAssist((state) => state.last)
  const panel = useEditor((state) => state.panel)
  const end = document?.cues.at(-1)?.endMs ?? 0
  return (
    <footer className="status">
      {document ? (
        <p>
          {plural(document.cues.length, 'cue')} · {formatName(document.format)} · {formatTime(end)}
        </p>
      ) : (
        <p>Your captions stay on this device.</p>
      )}
      <span className="spring" />
      {batch?.running && panel !== 'review' && (
        <div className="job">
          <span>
            {batch.task === 'fix' ? 'Fixing' : 'Shortening'} {batch.done} of {batch.total}
          </span>
          <progress aria-label="Progress" value={batch.done} max={batch.total} />
          <ActionButton id="stop" className="quiet" />
        </div>
      )}
      {last && !batch?.running && (
        <p className="medium">
          Last edit: <ReceiptText receipt={last} />
        </p>
      )}
    </footer>
  )
}
