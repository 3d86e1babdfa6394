/** What the server does now, in the status bar; and over it what it could not do, or has ready. */
import { useLayoutEffect, useRef } from 'react'
import { formatBytes } from '../../document/format'
import type { Running } from '../../jobs/jobs'
import { ActionButton } from '../../shell/action-button'
import { useApp, useJobs } from '../../shell/use'
import './jobs.css'

export function JobLine() {
  const running = useJobs((state) => state.running)
  return running && <Line running={running} />
}

function Line({ running }: { running: Running }) {
  const { editor } = useApp()
  const line = useRef<HTMLDivElement>(null)
  // It ends by itself: who stands on its button goes back to the work.
  useLayoutEffect(() => {
    const box = line.current
    return () => {
      if (!box?.contains(document.activeElement)) return
      const region = editor.store.get().project ? 'list' : 'start'
      editor.focus.get(region)?.()
    }
  }, [editor])
  const { done, lost } = running
  const words = wordsOf(running)
  const percent = done === null ? null : Math.floor(done * 100)
  return (
    <div className="job" ref={line}>
      {lost && (
        <span className="job-lost" title={lost}>
          No answer from the server, trying again
        </span>
      )}
      {!lost && <span className="job-words">{words}</span>}
      {!lost && percent !== null && <span>{percent} %</span>}
      {!lost && (
        <progress aria-label={words} {...(percent === null ? {} : { value: percent, max: 100 })} />
      )}
      <ActionButton id="cancel-job" label="Cancel" className="quiet" />
    </div>
  )
}

function wordsOf({ kind, name, phase }: Running): string {
  switch (phase) {
    case 'uploading':
      return `Sending ${name}`
    case 'waiting':
      return `${name} waits for its turn`
    case 'running':
      return kind === 'transcribe' ? `Transcribing ${name}` : `Exporting ${name}`
    case 'finishing':
      return `Laying out the captions`
    case 'cancelling':
      return 'Cancelling'
  }
}

/** Stays until it is dismissed. */
export function JobNotice() {
  const { editor, jobs, actions } = useApp()
  const problem = useJobs((state) => state.problem)
  const ready = useJobs((state) => state.ready)
  const dismiss = () => {
    jobs.dismiss()
    const region = editor.store.get().project ? 'list' : 'start'
    editor.focus.get(region)?.()
  }
  const away = (
    <button type="button" className="quiet" onClick={dismiss}>
      Dismiss
    </button>
  )
  if (problem) {
    const dialog = problem.kind === 'render' ? actions.by.export : actions.by.transcribe
    return (
      <div className="notice">
        <p>
          {problem.line} {problem.mend}
        </p>
        {problem.remedy === 'again' && <ActionButton id="job-again" label="Try again" />}
        {problem.remedy === 'choose' && (
          <button type="button" onClick={() => dialog.run()}>
            Choose a file…
          </button>
        )}
        {problem.remedy === 'token' && (
          <button type="button" onClick={() => dialog.run()}>
            Enter the token…
          </button>
        )}
        {away}
      </div>
    )
  }
  if (!ready) return null
  return (
    <div className="notice good">
      <p>
        {ready.file} is ready{ready.bytes > 0 && `, ${formatBytes(ready.bytes)}`}.
      </p>
      <ActionButton id="download" label="Download" className="primary" />
      {away}
    </div>
  )
}
