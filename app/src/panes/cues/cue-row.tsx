/** One row of the cue grid. Memoised: typing redraws one row, scrolling only the new ones. */
import { memo } from 'react'
import type { Cue, CueId } from '../../document/cue'
import { cps, formatTime } from '../../document/format'
import { useAssist, useChecks } from '../../shell/use'

export const COLUMNS = [
  { name: 'index', title: '#' },
  { name: 'start', title: 'Start' },
  { name: 'duration', title: 'Length' },
  { name: 'cps', title: 'CPS' },
  { name: 'line', title: 'Line' },
  { name: 'text', title: 'Text' },
] as const

const ROW_PX = 32
const LINE_PX = 18
const LINES_MAX = 4

export function rowHeight(text: string): number {
  let lines = 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1
  return ROW_PX + LINE_PX * (Math.min(lines, LINES_MAX) - 1)
}

interface Props {
  readonly cue: Cue
  readonly index: number
  readonly top: number
  readonly active: boolean
  /** Rules of the lint that this cue breaks. */
  readonly broken: ReadonlySet<string> | undefined
  readonly onActivate: (id: CueId) => void
  readonly onEdit: () => void
}

export const CueRow = memo(function CueRow(props: Props) {
  const { cue, index, top, active, broken, onActivate, onEdit } = props
  const measure = useChecks((state) => state.measures.get(cue.text))
  const suggested = useAssist((state) => state.suggestions.get(cue.id)?.verdict === 'changed')
  const waiting = useAssist((state) => state.pending.has(cue.id))
  const rate = measure && cps(measure.chars, cue.startMs, cue.endMs)
  const timing = broken?.has('duration-short') || broken?.has('duration-long')
  const place = broken?.has('overlap')
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys; the row is its active descendant
    <div
      id={`cue-${cue.id}`}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={active}
      className="cue-row"
      style={{ transform: `translateY(${top}px)`, height: rowHeight(cue.text) }}
      onClick={() => onActivate(cue.id)}
      onDoubleClick={onEdit}
    >
      <span role="gridcell" aria-colindex={1} className="col-index">
        {(suggested || waiting) && (
          <span className="mark" data-waiting={waiting || undefined}>
            <span className="hidden">{waiting ? 'working' : 'has a suggestion'}</span>
          </span>
        )}
        {index + 1}
      </span>
      <Cell column={2} name="start" warn={place}>
        {formatTime(cue.startMs)}
      </Cell>
      <Cell column={3} name="duration" warn={timing}>
        {((cue.endMs - cue.startMs) / 1000).toFixed(2)}
      </Cell>
      <Cell column={4} name="cps" warn={broken?.has('cps')}>
        {rate === undefined ? '' : rate === null ? '–' : rate.toFixed(1)}
      </Cell>
      <Cell column={5} name="line" warn={broken?.has('line-length') || broken?.has('line-count')}>
        {measure?.lineCharsMax ?? ''}
      </Cell>
      <span role="gridcell" aria-colindex={6} className="col-text">
        {cue.text}
      </span>
    </div>
  )
})

interface CellProps {
  readonly column: number
  readonly name: string
  readonly warn: boolean | undefined
  readonly children: React.ReactNode
}

function Cell({ column, name, warn, children }: CellProps) {
  return (
    <span role="gridcell" aria-colindex={column} className={`col-${name}`}>
      {warn ? (
        <span className="badge">
          {children}
          <span className="hidden">, over the limit</span>
        </span>
      ) : (
        children
      )}
    </span>
  )
}
