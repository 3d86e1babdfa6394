/** Before anything is open: where to drop, what may be dropped, what was open before. */
import { useEffect, useRef } from 'react'
import type { ModelStore } from '../../assist/model'
import { mayBeSent } from '../../assist/model'
import { plural } from '../../document/format'
import { refusalOf } from '../../jobs/offer'
import { ActionButton } from '../../shell/action-button'
import { useApp, useJobs, useModelStore, useWorkspace } from '../../shell/use'
import './start.css'

export function Start() {
  const { editor, workspace } = useApp()
  const opening = useWorkspace((state) => state.opening)
  const recent = useWorkspace((state) => state.recent)
  const offer = useJobs((state) => state.offer)
  const stays = useModelStore(whatStays)
  const actions = useRef<HTMLDivElement>(null)
  useEffect(() => {
    editor.focus.set('start', () => actions.current?.querySelector('button')?.focus())
    return () => void editor.focus.delete('start')
  }, [editor])
  return (
    <main className="start" aria-busy={opening}>
      <div className="start-box">
        <h2>Drop captions or a video here</h2>
        <p>
          SRT and WebVTT files are read in this browser{stays} A video is sent to this server, which
          writes down what is said.
        </p>
        <div className="start-actions" ref={actions}>
          <ActionButton id="open" className="primary" label="Open a file" />
          <ActionButton
            id="transcribe"
            label="Transcribe a video"
            hint={refusalOf(offer, 'transcribe')}
          />
          <ActionButton id="sample" />
        </div>
        {recent.length > 0 && (
          <section className="recent" aria-labelledby="recent">
            <h3 id="recent">Recent</h3>
            <ul>
              {recent.slice(0, 5).map((head) => (
                <li key={head.id}>
                  <button type="button" onClick={() => void workspace.reopen(head.id)}>
                    <span className="recent-name">{head.name}</span>
                    <span className="recent-facts">
                      {plural(head.cueCount, 'cue')} · {when(head.savedAt)}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </main>
  )
}

/** Says no more than is known: a server is looked for first. */
function whatStays(store: ModelStore): string {
  if (mayBeSent(store)) return '; the text of a cue you ask to edit may be sent to this server.'
  return store.state.kind === 'unknown' && store.mode !== 'only_on_device'
    ? '.'
    : ' and stay in it.'
}

const when = (time: number) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(time)
