/** Where edits may run: a person's choice, where there is one. Owns its radio buttons only. */
import { CHOICES } from '../../assist/mode'
import { useApp, useModelStore } from '../../shell/use'

export function ModeChoice() {
  const { editor } = useApp()
  const hasServer = useModelStore((store) => store.hasServer)
  const chosen = useModelStore((store) => store.mode)
  if (!hasServer) return null
  return (
    <fieldset className="mode">
      <legend>Where edits may run</legend>
      {CHOICES.map(({ mode, label, words }) => (
        <div key={mode}>
          <input
            id={`mode-${mode}`}
            type="radio"
            name="mode"
            checked={mode === chosen}
            aria-describedby={`mode-${mode}-words`}
            onChange={() => editor.model.setMode(mode)}
          />
          <label htmlFor={`mode-${mode}`}>{label}</label>
          <p id={`mode-${mode}-words`}>{words}</p>
        </div>
      ))}
      <p>
        The server is the one this page came from, {location.host}, which may pass a text on to
        another model.
      </p>
    </fieldset>
  )
}
