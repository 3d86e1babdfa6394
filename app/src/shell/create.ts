/**
 * Puts the parts together, for the page and for the tests. Owns the page hooks that the action
 * table needs: the palette's and the device panel's openers are registered by their components.
 */
import type { Engine } from '../assist/engine'
import type { JobsClient } from '../jobs/client'
import { Jobs } from '../jobs/jobs'
import type { Projects } from '../project/store'
import { createActions } from './actions'
import type { Region } from './editor'
import { Editor } from './editor'
import { openers } from './openers'
import type { App } from './use'
import { Workspace } from './workspace'

const REGIONS: readonly Region[] = ['list', 'text', 'suggestion', 'panel']

export function createApp(engine: Engine, projects: Projects, client: JobsClient): App {
  const editor = new Editor(engine)
  const workspace = new Workspace(editor, engine.captions, projects)
  const jobs = new Jobs(editor, workspace, engine.captions, client)
  workspace.onMedia = (file) => (openers.video ?? openers.transcribe)?.(file)
  const actions = createActions(editor, workspace, jobs, {
    palette: () => openers.palette?.(),
    device: () => openers.device?.(),
    receipt: () => openers.receipt?.(),
    transcribe: () => openers.transcribe?.(),
    exportVideo: () => openers.exportVideo?.(),
    caret: () => {
      const field = document.activeElement
      return field instanceof HTMLTextAreaElement ? field.selectionStart : -1
    },
    region: (step) => moveRegion(editor, step),
  })
  return { editor, workspace, jobs, actions }
}

/** F6: the next part of the window that is there, around the ends. */
function moveRegion(editor: Editor, step: 1 | -1): void {
  const present = REGIONS.filter((region) => editor.focus.has(region))
  const inside = document.activeElement?.closest('[data-region]')?.getAttribute('data-region')
  const here = present.indexOf(inside as Region)
  const from = here < 0 && step < 0 ? 0 : here
  const next = present[(from + step + present.length) % present.length]
  if (next) editor.focus.get(next)?.()
}
