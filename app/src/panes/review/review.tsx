/**
 * What a batch found, to be looked through: each suggestion as a word diff with a check mark,
 * all or none, then accepted in one step. Nothing is applied before.
 */
import type { Batch, BatchItem } from '../../assist/assist'
import { plural } from '../../document/format'
import { wordDiff } from '../../document/worddiff'
import { VirtualListbox } from '../../shell/listbox'
import { PanelTabs } from '../../shell/panel-tabs'
import { useApp, useAssist, useEditor } from '../../shell/use'
import './review.css'

export function Review() {
  const batch = useAssist((state) => state.batch)
  if (!batch) return <ReviewEmpty />
  return <ReviewList batch={batch} />
}

function ReviewEmpty() {
  return (
    <section className="panel" aria-label="Review">
      <header className="panel-head">
        <PanelTabs withCues={false} />
      </header>
      <p className="panel-empty">Fix all or Shorten all lists its suggestions here.</p>
    </section>
  )
}

function ReviewList({ batch }: { batch: Batch }) {
  const { editor, actions } = useApp()
  const activeId = useEditor((state) => state.activeId)
  const order = useEditor((state) => state.history?.present.order)
  const { items, running, done, total } = batch
  const chosen = items.filter((item) => item.selected).length
  const all = chosen === items.length

  const leave = (act: () => void) => {
    act()
    editor.focus.get('list')?.()
  }
  const discard = () =>
    leave(() => {
      editor.assist.closeBatch()
      editor.store.set({ panel: 'cues' })
      editor.announce('Suggestions discarded')
    })

  return (
    <section className="panel review" aria-label="Review">
      <header className="panel-head">
        <PanelTabs withCues={false} />
        {items.length > 0 && (
          <button type="button" className="quiet" onClick={() => editor.assist.select(() => !all)}>
            {all ? 'Select none' : 'Select all'}
          </button>
        )}
      </header>
      {(running || batch.cancelled || batch.failed > 0) && (
        <div className="review-progress">
          <span>
            {running ? '' : 'Stopped at '}
            {done} of {plural(total, 'cue')}
            {batch.failed > 0 && `, ${batch.failed} failed`}
          </span>
          {running && <progress aria-label="Cues read" value={done} max={total} />}
          {running && (
            <button type="button" className="quiet" onClick={() => actions.by.stop.run()}>
              Stop
            </button>
          )}
        </div>
      )}
      {items.length === 0 ? (
        <p className="panel-empty">
          {running ? 'Suggestions appear here as they are found.' : 'Nothing to change.'}
        </p>
      ) : (
        <VirtualListbox
          label="Suggestions"
          count={items.length}
          rowHeight={44}
          marked={items.findIndex((item) => item.cueId === activeId)}
          itemKey={(i) => items[i]?.cueId ?? i}
          onChoose={(i) => {
            const item = items[i]
            if (item) editor.activate(item.cueId)
          }}
          onEnter={() => editor.focus.get('text')?.()}
          selected={(i) => items[i]?.selected ?? false}
          onToggle={(i) => {
            const item = items[i]
            if (item) editor.toggle(item)
          }}
          render={(i) => {
            const item = items[i]
            return item && <Item item={item} place={(order?.get(item.cueId) ?? 0) + 1} />
          }}
        />
      )}
      <footer className="review-foot">
        <button
          type="button"
          className="primary"
          aria-disabled={chosen === 0}
          onClick={() => chosen > 0 && leave(() => editor.acceptBatch())}
        >
          Accept {chosen > 0 && chosen}
        </button>
        <button type="button" onClick={discard}>
          Discard
        </button>
        <span className="spring" />
        {items.length > 0 && (
          <p>
            <kbd>Space</kbd> selects
          </p>
        )}
      </footer>
    </section>
  )
}

function Item({ item, place }: { item: BatchItem; place: number }) {
  return (
    <>
      <span
        className="tick"
        data-toggle=""
        data-on={item.selected || undefined}
        aria-hidden="true"
      />
      <span className="place">{place}</span>
      <span className="item-diff">
        {wordDiff(item.before, item.after).map((part) =>
          part.kind === 'same' ? (
            part.text
          ) : (
            <span key={part.index}>
              {part.removed && <del>{part.removed}</del>}
              {part.added && <ins>{part.added}</ins>}
            </span>
          ),
        )}
      </span>
    </>
  )
}
