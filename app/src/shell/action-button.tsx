/**
 * A button for an action of the table. It stays focusable when the action does not apply
 * (aria-disabled), so that focus is never lost by what it did.
 */
import type { ActionId } from './actions'
import { ariaChord, chordName } from './keys'
import { useApp, useStore } from './use'

interface Props {
  readonly id: ActionId
  /** Shorter than the action's own label, where the place says the rest. */
  readonly label?: string
  readonly className?: string
  readonly showKey?: boolean
  /** Why it will not do what it says; it then tells more. */
  readonly hint?: string
}

export function ActionButton({ id, label, className = '', showKey = false, hint = '' }: Props) {
  const { editor, jobs, actions } = useApp()
  const action = actions.by[id]
  const byEditor = useStore(editor.store, () => action.enabled())
  const byJobs = useStore(jobs.store, () => action.enabled())
  const enabled = useStore(editor.assist.store, () => action.enabled()) && byEditor && byJobs
  const key = action.keys[0]
  const title = key ? `${action.label} (${chordName(key)})` : action.label
  return (
    <button
      type="button"
      className={className}
      aria-disabled={!enabled}
      aria-keyshortcuts={key && ariaChord(key)}
      title={hint ? `${title}: ${hint}` : title}
      onClick={() => enabled && action.run()}
    >
      {label ?? action.label}
      {showKey && key && (
        <>
          {' '}
          <kbd>{chordName(key)}</kbd>
        </>
      )}
    </button>
  )
}
