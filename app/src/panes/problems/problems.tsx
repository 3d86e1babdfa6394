/** Every lint finding of the file, and what was odd when it was opened. F8 walks them. */

import { plural } from '../../document/format'
import { VirtualListbox } from '../../shell/listbox'
import { PanelTabs } from '../../shell/panel-tabs'
import { useApp, useChecks, useEditor, useFindings } from '../../shell/use'
import { findingText } from './finding'
import './problems.css'

export function Problems() {
  const { editor } = useApp()
  const findings = useFindings()
  const all = useChecks((state) => state.findings)
  const showGaps = useEditor((state) => state.showGaps)
  const gaps = all.filter(({ rule }) => rule === 'gap').length
  const linted = useChecks((state) => state.linted)
  const warnings = useEditor((state) => state.project?.warnings)
  const activeId = useEditor((state) => state.activeId)
  const cueOf = (i: number) => linted?.cues[findings[i]?.cue ?? -1]
  const first = findings.findIndex((_, i) => cueOf(i)?.id === activeId)
  return (
    <section className="panel problems" aria-label="Problems">
      <header className="panel-head">
        <PanelTabs withCues={false} />
        {gaps > 0 && (
          <button
            type="button"
            className="quiet"
            aria-pressed={showGaps}
            onClick={() => editor.store.set({ showGaps: !showGaps })}
          >
            {showGaps ? 'Hide' : 'Show'} {plural(gaps, 'short gap')}
          </button>
        )}
      </header>
      {warnings && warnings.length > 0 && (
        <details className="warnings">
          <summary>Odd in the file as opened: {warnings.length}</summary>
          <ul>
            {warnings.slice(0, 100).map(({ line, what }) => (
              <li key={`${line} ${what}`}>
                Line {line}: {what}
              </li>
            ))}
          </ul>
        </details>
      )}
      {findings.length === 0 ? (
        <p className="panel-empty">{linted ? 'Every cue is within its limits.' : 'Checking…'}</p>
      ) : (
        <VirtualListbox
          label="Problems"
          count={findings.length}
          rowHeight={32}
          marked={first}
          onChoose={(i) => {
            const cue = cueOf(i)
            if (cue) editor.activate(cue.id)
          }}
          onEnter={() => editor.focus.get('text')?.()}
          render={(i) => {
            const finding = findings[i]
            return (
              finding && (
                <>
                  <span className="place">{finding.cue + 1}</span>
                  <span className="words">{findingText(finding)}</span>
                </>
              )
            )
          }}
        />
      )}
    </section>
  )
}
