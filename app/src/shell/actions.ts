/**
 * Everything a person can do, once: its name, its key, whether it applies now, what it does.
 * Buttons, keys and the palette all go through this table. No React.
 * Read next: editor.ts, keys.ts, palette.tsx.
 */
import type { Jobs } from '../jobs/jobs'
import { knows } from '../jobs/offer'
import type { Editor, EditorState, Region } from './editor'
import type { Workspace } from './workspace'

export type ActionId =
  | 'open'
  | 'sample'
  | 'save'
  | 'save-as'
  | 'close'
  | 'transcribe'
  | 'export'
  | 'cancel-job'
  | 'job-again'
  | 'download'
  | 'undo'
  | 'redo'
  | 'previous'
  | 'next'
  | 'split'
  | 'merge'
  | 'delete'
  | 'times'
  | 'fix'
  | 'shorten'
  | 'formal'
  | 'casual'
  | 'simple'
  | 'rewrite'
  | 'versions'
  | 'version-1'
  | 'version-2'
  | 'version-3'
  | 'accept'
  | 'reject'
  | 'fix-all'
  | 'shorten-all'
  | 'stop'
  | 'next-problem'
  | 'previous-problem'
  | 'problems'
  | 'review'
  | 'receipts'
  | 'cues'
  | 'next-region'
  | 'previous-region'
  | 'model'
  | 'receipt'
  | 'palette'

export interface Action {
  readonly id: ActionId
  readonly label: string
  /** The first is shown. */
  readonly keys: readonly string[]
  enabled(): boolean
  run(): void
}

export interface Actions {
  readonly list: readonly Action[]
  readonly by: Readonly<Record<ActionId, Action>>
}

/** What only the page can do; given by the shell. */
export interface PageHooks {
  palette(): void
  device(): void
  receipt(): void
  transcribe(): void
  exportVideo(): void
  caret(): number
  region(step: 1 | -1): void
}

export function createActions(
  editor: Editor,
  workspace: Workspace,
  jobs: Jobs,
  page: PageHooks,
): Actions {
  const state = (): EditorState => editor.store.get()
  const open = () => state().project !== null
  const writable = () => open() && !state().readOnly
  const go = (region: Region) => editor.focus.get(region)?.()
  const suggestion = () => {
    const { active } = editor
    return active && editor.assist.store.get().suggestions.get(active.id)
  }
  const suggested = () => suggestion() !== undefined
  const moreAsked = () => {
    const { active } = editor
    return active !== undefined && editor.assist.store.get().pending.has(active.id)
  }
  const versions = () => suggestion()?.versions.length ?? 0
  const version = (i: number): (typeof table)[number] => [
    `version-${i}` as ActionId,
    `Take version ${i} in hand`,
    [`Alt+${i}`],
    () => versions() > 1 && versions() >= i,
    () => editor.choose(i - 1),
  ]
  const panel = (name: EditorState['panel'], region: Region) => () => {
    editor.store.set({ panel: name })
    queueMicrotask(() => go(region))
  }
  const batch = () => editor.assist.store.get().batch
  const always = () => true
  const jobDialog = (kind: string | undefined) =>
    kind === 'render' ? page.exportVideo() : page.transcribe()

  const table: [ActionId, string, readonly string[], () => boolean, () => void][] = [
    ['open', 'Open a file…', ['Mod+O'], always, () => void workspace.choose()],
    ['sample', 'Open the sample', [], always, () => void workspace.openSample()],
    ['save', 'Save', ['Mod+S'], open, () => void workspace.save()],
    ['save-as', 'Save as…', ['Mod+Shift+S'], open, () => void workspace.save(true)],
    ['close', 'Close this file', [], open, () => void workspace.close()],
    ['transcribe', 'Transcribe a video…', ['Alt+Shift+V'], always, () => page.transcribe()],
    [
      'export',
      'Export the video with captions…',
      ['Alt+Shift+E'],
      () => writable() && knows(jobs.store.get().offer, 'render'),
      () => page.exportVideo(),
    ],
    [
      'cancel-job',
      'Cancel what the server does',
      [],
      () => jobs.canCancel,
      () => void jobs.cancel(),
    ],
    [
      'job-again',
      'Try the server again',
      [],
      () => jobs.store.get().problem?.remedy === 'again',
      () => jobs.again() || jobDialog(jobs.store.get().problem?.kind),
    ],
    [
      'download',
      'Download the video',
      [],
      () => jobs.store.get().ready !== null,
      () => void jobs.download(),
    ],
    [
      'undo',
      'Undo',
      ['Mod+Z'],
      () => writable() && !!state().history?.past.length,
      () => editor.undo(),
    ],
    [
      'redo',
      'Redo',
      ['Mod+Y', 'Mod+Shift+Z'],
      () => writable() && !!state().history?.future.length,
      () => editor.redo(),
    ],
    ['fix', 'Fix this cue', ['Alt+F'], writable, () => editor.ask('fix')],
    ['shorten', 'Shorten this cue', ['Alt+S'], writable, () => editor.ask('shorten')],
    ['formal', 'Make this cue formal', ['Alt+O'], writable, () => editor.ask('formal')],
    ['casual', 'Make this cue casual', ['Alt+C'], writable, () => editor.ask('casual')],
    ['simple', 'Make this cue simpler', ['Alt+P'], writable, () => editor.ask('simple')],
    ['rewrite', 'Rewrite this cue', ['Alt+R'], writable, () => editor.ask('rewrite')],
    [
      'versions',
      'More versions of the suggestion',
      ['Alt+V'],
      () => versions() === 1 && writable() && !moreAsked(),
      () => editor.askMore(),
    ],
    version(1),
    version(2),
    version(3),
    ['accept', 'Accept the suggestion', ['Tab'], suggested, () => void editor.accept()],
    ['reject', 'Dismiss the suggestion', ['Escape'], suggested, () => void editor.reject()],
    ['fix-all', 'Fix all cues', ['Alt+Shift+F'], writable, () => editor.batch('fix')],
    [
      'shorten-all',
      'Shorten all cues over a limit',
      ['Alt+Shift+S'],
      writable,
      () => editor.batch('shorten'),
    ],
    ['stop', 'Stop', [], () => batch()?.running === true, () => editor.assist.cancelBatch()],
    ['previous', 'Previous cue', ['Alt+ArrowUp'], open, () => editor.step(-1)],
    ['next', 'Next cue', ['Alt+ArrowDown'], open, () => editor.step(1)],
    ['next-problem', 'Next problem', ['F8'], open, () => editor.nextProblem(1)],
    ['previous-problem', 'Previous problem', ['Shift+F8'], open, () => editor.nextProblem(-1)],
    [
      'split',
      'Split the cue at the cursor',
      ['Mod+Alt+V'],
      writable,
      () => editor.split(page.caret()),
    ],
    ['merge', 'Merge with the next cue', ['Mod+Shift+M'], writable, () => editor.merge()],
    ['times', 'Change the times of the cue', ['Alt+T'], writable, () => go('times')],
    ['delete', 'Delete the cue', [], writable, () => editor.remove()],
    ['cues', 'Show the cue list', [], open, panel('cues', 'list')],
    ['problems', 'Show problems', [], open, panel('problems', 'panel')],
    ['review', 'Show suggestions to review', [], () => batch() !== null, panel('review', 'panel')],
    [
      'receipts',
      'Show the receipts of all edits',
      [],
      () => open() && state().debug,
      panel('receipts', 'panel'),
    ],
    ['next-region', 'Go to the next part of the window', ['F6'], open, () => page.region(1)],
    [
      'previous-region',
      'Go to the previous part of the window',
      ['Shift+F6'],
      open,
      () => page.region(-1),
    ],
    ['model', 'Device and model…', [], always, () => page.device()],
    [
      'receipt',
      'Receipt of the last edit…',
      ['Alt+I'],
      () => editor.assist.store.get().last !== null,
      () => page.receipt(),
    ],
    ['palette', 'All commands…', ['Mod+K'], always, () => page.palette()],
  ]
  const list = table.map(([id, label, keys, enabled, run]) => ({ id, label, keys, enabled, run }))
  const by = Object.fromEntries(list.map((action) => [action.id, action]))
  return { list, by: by as Record<ActionId, Action> }
}
