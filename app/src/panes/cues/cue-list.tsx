/**
 * All cues as a grid: number, start, duration, rate, longest line, text. Virtual: only what is
 * seen is in the page, the cue in hand always. Focus stays on the grid, the cue in hand is its
 * active descendant, so scrolling and undo never lose it.
 */
import type { Range } from '@tanstack/react-virtual'
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useMemo, useRef } from 'react'
import type { Cue, CueId } from '../../document/cue'
import { useApp, useChecks, useEditor, useJobs } from '../../shell/use'
import './cue-list.css'
import { COLUMNS, CueRow, rowHeight } from './cue-row'

export const HEADER_PX = 28
const PAGE_ROWS = 12
const NONE: readonly Cue[] = []

export function CueList() {
  const { editor } = useApp()
  const document = useEditor((state) => state.history?.present)
  const activeId = useEditor((state) => state.activeId)
  const scroller = useRef<HTMLDivElement>(null)
  const flags = useFlags()
  const cues = document?.cues ?? NONE
  const active = activeId === null ? undefined : document?.order.get(activeId)
  const heights = useMemo(() => heightsKey(cues), [cues])

  const virtual = useVirtualizer({
    count: cues.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => rowHeight(cues[i]?.text ?? ''),
    getItemKey: (i) => cues[i]?.id ?? i,
    rangeExtractor: useCallback((range: Range) => withActive(range, active), [active]),
    overscan: 4,
    scrollMargin: HEADER_PX,
    scrollPaddingStart: HEADER_PX,
  })

  // Heights follow the number of lines of each text: exact, so nothing is measured in the page.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the texts are what changes heights
  useEffect(() => virtual.measure(), [virtual, heights])

  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the cue in hand only
  useEffect(() => {
    if (active !== undefined) virtual.scrollToIndex(active, { align: 'auto' })
  }, [activeId, virtual])

  useEffect(() => {
    editor.focus.set('list', () => scroller.current?.focus())
    // The button that opened the file went away with the start page.
    const { activeElement, body } = globalThis.document
    if (activeElement === body) scroller.current?.focus({ preventScroll: true })
    return () => void editor.focus.delete('list')
  }, [editor])

  const onActivate = useCallback(
    (id: CueId) => {
      editor.activate(id)
      scroller.current?.focus({ preventScroll: true })
    },
    [editor],
  )
  const onEdit = useCallback(() => editor.focus.get('text')?.(), [editor])

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const step = STEPS[event.key]
    if (step !== undefined) editor.step(step)
    else if (event.key === 'Enter' || event.key === 'F2') onEdit()
    else if (event.key === 'Escape' ? !editor.reject() : !tabTakes(event, () => editor.accept())) {
      return
    }
    event.preventDefault()
  }

  return (
    <div
      className="cues"
      ref={scroller}
      data-region="list"
      role="grid"
      aria-label="Cues"
      aria-rowcount={cues.length + 1}
      aria-colcount={COLUMNS.length}
      aria-activedescendant={activeId === null ? undefined : `cue-${activeId}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className="cues-head">
        <div role="row" aria-rowindex={1} className="cue-row">
          {COLUMNS.map(({ name, title }, i) => (
            <span
              key={name}
              role="columnheader"
              aria-colindex={i + 1}
              className={`col-${name}`}
              tabIndex={-1}
            >
              {title}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className="cues-body" style={{ height: virtual.getTotalSize() }}>
        {cues.length === 0 && <NoCues />}
        {virtual.getVirtualItems().map((item) => {
          const cue = cues[item.index]
          return (
            cue && (
              <CueRow
                key={cue.id}
                cue={cue}
                index={item.index}
                top={item.start - HEADER_PX}
                active={cue.id === activeId}
                broken={flags.get(cue.id)}
                onActivate={onActivate}
                onEdit={onEdit}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

function NoCues() {
  const coming = useJobs((state) => state.running?.kind === 'transcribe')
  return (
    <div role="row" aria-rowindex={2} className="cues-none">
      <span role="gridcell" aria-colindex={1} aria-colspan={COLUMNS.length}>
        {coming ? 'Captions appear here as they are heard.' : 'There are no captions here yet.'}
      </span>
    </div>
  )
}

const STEPS: Record<string, number> = {
  ArrowUp: -1,
  ArrowDown: 1,
  PageUp: -PAGE_ROWS,
  PageDown: PAGE_ROWS,
  Home: -Infinity,
  End: Infinity,
}

/** Tab takes a suggestion that is there, and moves on when there is none. */
const tabTakes = (event: React.KeyboardEvent, accept: () => boolean) =>
  event.key === 'Tab' && !event.shiftKey && accept()

function withActive(range: Range, active: number | undefined): number[] {
  const seen = defaultRangeExtractor(range)
  if (active === undefined || active >= range.count || seen.includes(active)) return seen
  return [...seen, active].sort((a, b) => a - b)
}

/** Changes exactly when some row's height does. */
function heightsKey(cues: readonly { readonly text: string }[]): string {
  let hash = 0
  for (const { text } of cues) hash = (Math.imul(hash, 31) + rowHeight(text)) | 0
  return `${cues.length}:${hash}`
}

/** Which limits each cue breaks, by cue. */
function useFlags(): ReadonlyMap<CueId, ReadonlySet<string>> {
  const findings = useChecks((state) => state.findings)
  const linted = useChecks((state) => state.linted)
  return useMemo(() => {
    const flags = new Map<CueId, Set<string>>()
    for (const { cue, rule } of findings) {
      const id = linted?.cues[cue]?.id
      if (id === undefined) continue
      const rules = flags.get(id) ?? new Set()
      flags.set(id, rules.add(rule))
    }
    return flags
  }, [findings, linted])
}
