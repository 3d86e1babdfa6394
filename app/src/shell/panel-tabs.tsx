/** Which list is shown: cues (only where the window is narrow), problems, review, and
 * with ?debug receipts. */
import { formatCount } from '../document/format'
import type { Panel } from './editor'
import { useApp, useAssist, useEditor, useFindings } from './use'

interface Props {
  /** The cue list shares the place with the others. */
  readonly withCues: boolean
}

export function PanelTabs({ withCues }: Props) {
  const { editor, actions } = useApp()
  const panel = useEditor((state) => state.panel)
  const problems = useFindings().length
  const review = useAssist((state) => state.batch?.items.length ?? null)
  const debug = useEditor((state) => state.debug)
  const receipts = useAssist((state) => state.receipts.length)
  const cues = useEditor((state) => state.history?.present.cues.length ?? 0)
  const shown = !withCues && panel === 'cues' ? 'problems' : panel
  const tab = (id: Panel, label: string, count: number) => (
    <button
      type="button"
      className="view"
      aria-pressed={shown === id}
      onClick={() => (id === 'cues' ? editor.store.set({ panel: id }) : actions.by[id].run())}
    >
      {label} <span className="count">{formatCount(count)}</span>
    </button>
  )
  return (
    <nav className="views" data-with-cues={withCues} aria-label={withCues ? 'Lists' : 'Panels'}>
      {withCues && tab('cues', 'Cues', cues)}
      {tab('problems', 'Problems', problems)}
      {review !== null && tab('review', 'Review', review)}
      {debug && tab('receipts', 'Receipts', receipts)}
    </nav>
  )
}
