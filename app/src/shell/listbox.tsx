/**
 * A long list one walks with the arrow keys: virtual, focus on the list itself, the row in hand
 * is its active descendant. Used by the problems and the review list; the cue grid has its own.
 */
import type { Range } from '@tanstack/react-virtual'
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useId, useRef, useState } from 'react'
import { useApp } from './use'

interface Props {
  readonly label: string
  readonly count: number
  /** A guess; rows are measured. */
  readonly rowHeight: number
  /** The row that belongs to the cue in hand, -1 for none. */
  readonly marked: number
  readonly onChoose: (i: number) => void
  readonly onEnter: (i: number) => void
  readonly render: (i: number) => React.ReactNode
  readonly itemKey?: (i: number) => number
  /** With these the list is one of several choices. */
  readonly selected?: (i: number) => boolean
  readonly onToggle?: (i: number) => void
}

export function VirtualListbox(props: Props) {
  const { label, count, rowHeight, marked, onChoose, onEnter, render, selected, onToggle } = props
  const { editor } = useApp()
  const box = useRef<HTMLDivElement>(null)
  const [hand, setHand] = useState(0)
  const id = useId()
  const at = Math.min(hand, count - 1)
  const { itemKey } = props

  const virtual = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    getItemKey: (i) => itemKey?.(i) ?? i,
    overscan: 6,
    rangeExtractor: useCallback(
      (range: Range) => [...new Set([...defaultRangeExtractor(range), at])].sort((a, b) => a - b),
      [at],
    ),
  })

  useEffect(() => {
    if (marked < 0) return
    setHand(marked)
    virtual.scrollToIndex(marked, { align: 'auto' })
  }, [marked, virtual])

  useEffect(() => {
    editor.focus.set('panel', () => box.current?.focus())
    return () => void editor.focus.delete('panel')
  }, [editor])

  const choose = (i: number) => {
    const to = Math.max(0, Math.min(count - 1, i))
    setHand(to)
    virtual.scrollToIndex(to, { align: 'auto' })
    onChoose(to)
  }

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const step = STEPS[event.key]
    if (step !== undefined) choose(at + step)
    else if (event.key === 'Enter') onEnter(at)
    else if (event.key === ' ' && onToggle) onToggle(at)
    else return
    event.preventDefault()
  }

  return (
    <div
      ref={box}
      className="listbox"
      data-region="panel"
      role="listbox"
      aria-label={label}
      aria-multiselectable={selected ? true : undefined}
      aria-activedescendant={`${id}-${at}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" className="listbox-body" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox has the keys
          <div
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            id={`${id}-${item.index}`}
            role="option"
            tabIndex={-1}
            className="option"
            data-hand={item.index === at || undefined}
            data-marked={item.index === marked || undefined}
            aria-selected={selected ? selected(item.index) : item.index === at}
            aria-setsize={count}
            aria-posinset={item.index + 1}
            style={{ transform: `translateY(${item.start}px)`, minHeight: rowHeight }}
            onClick={(event) => {
              choose(item.index)
              const { target } = event
              if (target instanceof Element && target.closest('[data-toggle]'))
                onToggle?.(item.index)
            }}
          >
            {render(item.index)}
          </div>
        ))}
      </div>
    </div>
  )
}

const STEPS: Record<string, number> = {
  ArrowUp: -1,
  ArrowDown: 1,
  PageUp: -8,
  PageDown: 8,
  Home: -Infinity,
  End: Infinity,
}
