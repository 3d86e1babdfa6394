/**
 * The command palette: every action with its key, filtered as one types. A native modal dialog,
 * so focus is held and given back by the browser.
 */
import { useEffect, useId, useMemo, useRef, useState } from 'react'
import type { Action } from './actions'
import { chordName } from './keys'
import { openers } from './openers'
import { useApp } from './use'

/** Every typed word must begin a word of the label, or the typed letters appear in it as a run. */
export function filterActions(actions: readonly Action[], query: string): readonly Action[] {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean)
  return actions.filter(({ label }) => wanted.every((word) => label.toLowerCase().includes(word)))
}

export function Palette() {
  const { actions } = useApp()
  const dialog = useRef<HTMLDialogElement>(null)
  const [open, setOpen] = useState(false)
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const id = useId()
  const offered = useMemo(
    () => actions.list.filter((action) => action.id !== 'palette' && open && action.enabled()),
    [actions, open],
  )
  const found = filterActions(offered, query)
  const current = Math.min(at, found.length - 1)

  useEffect(() => {
    openers.palette = () => {
      setQuery('')
      setAt(0)
      setOpen(true)
      if (!dialog.current?.open) dialog.current?.showModal()
    }
    return () => {
      delete openers.palette
    }
  }, [])

  useEffect(() => {
    if (!open || current < 0) return
    document.getElementById(`${id}-${current}`)?.scrollIntoView?.({ block: 'nearest' })
  }, [open, current, id])

  const run = (action: Action | undefined) => {
    if (!action) return
    dialog.current?.close()
    // After the browser has given the focus back, so that the action may move it.
    queueMicrotask(() => action.run())
  }

  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key]
    if (step) setAt(Math.max(0, Math.min(found.length - 1, current + step)))
    else if (event.key === 'Enter') run(found[current])
    else return
    event.preventDefault()
  }

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside it closes it; Escape is the dialog's own
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Commands"
      // The event comes late: by then it may have been opened again.
      onClose={() => setOpen(dialog.current?.open === true)}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <input
        type="text"
        role="combobox"
        aria-label="Type a command"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found.length > 0 ? `${id}-${current}` : undefined}
        placeholder="Type a command"
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <div role="listbox" id={`${id}-list`} aria-label="Commands">
        {found.map((action, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox above has the keys
          <div
            key={action.id}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === current}
            onClick={() => run(action)}
          >
            <span>{action.label}</span> {action.keys[0] && <kbd>{chordName(action.keys[0])}</kbd>}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="nothing">No command has these words.</p>}
    </dialog>
  )
}
