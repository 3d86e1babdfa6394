/** The bar on top: what is open, is it saved, the file and batch commands, the device chip. */
import { knows, refusalOf } from '../jobs/offer'
import { Device } from '../panes/device/device'
import type { SaveState } from '../project/autosave'
import { ActionButton } from './action-button'
import { chordName } from './keys'
import { useApp, useEditor, useJobs } from './use'

const SAVE_WORDS: Record<SaveState, string> = {
  saved: 'Kept in this browser',
  waiting: 'Saving…',
  saving: 'Saving…',
  failed: 'Not kept',
}

const paletteKey = chordName('Mod+K')

export function TopBar() {
  const { actions } = useApp()
  const project = useEditor((state) => state.project)
  const save = useEditor((state) => state.save)
  const offer = useJobs((state) => state.offer)
  return (
    <header className="top">
      <h1 className="brand" data-open={project !== null}>
        nearfield
      </h1>
      {project && (
        <>
          <p className="file">
            <span className="file-name" title={project.name}>
              {project.name}
            </span>
            <span className="save-state" data-state={save}>
              {SAVE_WORDS[save]}
            </span>
          </p>
          <div className="group wide">
            <ActionButton id="open" label="Open" />
          </div>
          <div className="group">
            <ActionButton id="save" label="Save" />
          </div>
          <div className="group wide">
            <ActionButton id="undo" />
            <ActionButton id="redo" />
          </div>
          <div className="group medium">
            <ActionButton id="fix-all" label="Fix all" />
            <ActionButton id="shorten-all" label="Shorten all" />
          </div>
          <div className="group wide">
            <ActionButton
              id="transcribe"
              label="Transcribe"
              hint={refusalOf(offer, 'transcribe')}
            />
            {knows(offer, 'render') && (
              <ActionButton id="export" label="Export video" hint={refusalOf(offer, 'render')} />
            )}
          </div>
        </>
      )}
      <span className="spring" />
      <button
        type="button"
        className="quiet"
        aria-haspopup="dialog"
        onClick={() => actions.by.palette.run()}
      >
        Commands <kbd className="medium">{paletteKey}</kbd>
      </button>
      <Device />
    </header>
  )
}
