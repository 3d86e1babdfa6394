/**
 * The window: top bar, list, cue in hand, panel, status. Owns layout, the page's keys and
 * dropping files; each part is a pane. Read next: actions.ts, ../panes/.
 */
import { useEffect, useState } from 'react'
import { CueEditor } from '../panes/cue-editor/cue-editor'
import { CueList } from '../panes/cues/cue-list'
import { ExportDialog } from '../panes/jobs/export'
import { JobNotice } from '../panes/jobs/job-line'
import { TranscribeDialog } from '../panes/jobs/transcribe'
import { Problems } from '../panes/problems/problems'
import { Receipts } from '../panes/receipts/receipts'
import { Review } from '../panes/review/review'
import { Start } from '../panes/start/start'
import { matches, parseChord } from './keys'
import { Palette } from './palette'
import { PanelTabs } from './panel-tabs'
import { StatusBar } from './status-bar'
import { TopBar } from './top-bar'
import type { App } from './use'
import { AppContext, useApp, useEditor, useStore } from './use'

export function AppView({ app }: { app: App }) {
  return (
    <AppContext value={app}>
      <Frame />
    </AppContext>
  )
}

function Frame() {
  const open = useEditor((state) => state.project !== null)
  useKeys()
  const dropping = useDrop()
  return (
    <div className="app" data-dropping={dropping || undefined}>
      <TopBar />
      {open ? <Work /> : <Start />}
      <div className="notices">
        <ErrorNote />
        <JobNotice />
      </div>
      <StatusBar />
      <Palette />
      <TranscribeDialog />
      <ExportDialog />
      <Voice />
      {dropping && (
        <div className="drop-veil">
          <p>{dropping === 'media' ? 'Drop to transcribe' : 'Drop to open'}</p>
        </div>
      )}
    </div>
  )
}

function Work() {
  const panel = useEditor((state) => state.panel)
  const project = useEditor((state) => state.project?.id)
  return (
    <main className="work" data-panel={panel}>
      <PanelTabs withCues />
      <CueList key={project} />
      <div className="side">
        <CueEditor />
        {panel === 'review' ? <Review /> : panel === 'receipts' ? <Receipts /> : <Problems />}
      </div>
    </main>
  )
}

/** What went wrong stays until it is dismissed, over the page: nothing under it moves. */
function ErrorNote() {
  const { editor } = useApp()
  const trouble = useEditor((state) => state.trouble)
  if (trouble === null) return null
  const dismiss = () => {
    editor.store.set({ trouble: null })
    const region = editor.store.get().project ? 'list' : 'start'
    editor.focus.get(region)?.()
  }
  return (
    <div className="notice">
      <p>{trouble}</p>
      <button type="button" className="quiet" onClick={dismiss}>
        Dismiss
      </button>
    </div>
  )
}

/** What changed, said politely; the number makes a repeated text a new one. */
function Voice() {
  const { editor } = useApp()
  const { text, n } = useStore(editor.voice, (state) => state)
  return (
    <div className="hidden" role="status" aria-live="polite">
      <span key={n}>{text}</span>
    </div>
  )
}

function useKeys(): void {
  const { actions } = useApp()
  useEffect(() => {
    const chords = actions.list.flatMap((action) =>
      action.keys
        .filter((key) => key !== 'Tab' && key !== 'Escape')
        .map((key) => ({ action, chord: parseChord(key) })),
    )
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return
      const found = chords.find(({ chord }) => matches(chord, event))
      if (!found) return
      if (document.querySelector('dialog[open]') && found.action.id !== 'palette') return
      // Also when it does not apply now: Ctrl+S must never open the browser's own dialog.
      event.preventDefault()
      if (found.action.enabled()) found.action.run()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [actions])
}

/** Files may be dropped anywhere. */
function useDrop(): 'captions' | 'media' | false {
  const { workspace } = useApp()
  const [dropping, setDropping] = useState<'captions' | 'media' | false>(false)
  useEffect(() => {
    const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    const onOver = (event: DragEvent) => {
      if (!carries(event)) return
      event.preventDefault()
      const type = event.dataTransfer?.items[0]?.type ?? ''
      setDropping(/^(video|audio)\//.test(type) ? 'media' : 'captions')
    }
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setDropping(false)
    }
    const onDrop = (event: DragEvent) => {
      if (!carries(event)) return
      event.preventDefault()
      setDropping(false)
      const file = event.dataTransfer?.files[0]
      if (file) void workspace.openFile(file)
    }
    addEventListener('dragover', onOver)
    addEventListener('dragleave', onLeave)
    addEventListener('drop', onDrop)
    return () => {
      removeEventListener('dragover', onOver)
      removeEventListener('dragleave', onLeave)
      removeEventListener('drop', onDrop)
    }
  }, [workspace])
  return dropping
}
