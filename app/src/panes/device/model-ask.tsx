/**
 * The model's state as a person meets it: the question before the download (size, what it is
 * for, yes or no), the progress, what went wrong. Stands under the text and in the device panel.
 */
import { formatBytes } from '../../document/format'
import { useApp, useModel } from '../../shell/use'

interface Props {
  /** Takes the focus when the button that had it goes away. */
  readonly onDone: () => void
}

export function ModelAsk({ onDone }: Props) {
  const { editor } = useApp()
  const state = useModel()
  const { model, assist } = editor

  const then = (act: () => void) => () => {
    act()
    onDone()
  }
  const refuse = then(() => {
    model.refuse()
    assist.dropWaiting()
    editor.announce('Not downloaded. You can still edit by hand.')
  })

  switch (state.kind) {
    case 'unknown':
      return <p className="ask-line">Looking for the model…</p>
    case 'absent':
      return (
        <div className="ask">
          <p>
            Suggestions come from a small language model that runs in this browser. It is downloaded
            once{state.facts.bytes > 0 && ` (${formatBytes(state.facts.bytes)})`}, works offline
            after that, and your captions are not sent anywhere.
          </p>
          <div className="offer-line">
            <button type="button" className="primary" onClick={then(() => void model.download())}>
              Download{state.facts.bytes > 0 && ` ${formatBytes(state.facts.bytes)}`}
            </button>
            <button type="button" onClick={refuse}>
              Not now
            </button>
          </div>
        </div>
      )
    case 'opening': {
      const { stage, loaded, total } = state
      const known = stage === 'download' && total > 0
      return (
        <div className="ask">
          <p>
            {known
              ? `Getting the model: ${formatBytes(loaded)} of ${formatBytes(total)}`
              : 'Starting the model…'}
          </p>
          <div className="offer-line">
            <progress
              aria-label="Model download"
              {...(known ? { value: loaded, max: total } : {})}
            />
            <button
              type="button"
              onClick={then(() => {
                model.cancel()
                assist.dropWaiting()
              })}
            >
              Cancel
            </button>
          </div>
        </div>
      )
    }
    case 'failed':
    case 'unavailable':
      return (
        <div className="ask">
          <p>The model is not available: {state.why}</p>
          <div className="offer-line">
            <button type="button" className="primary" onClick={then(() => void model.download())}>
              Try again
            </button>
            <button type="button" onClick={then(() => assist.dropWaiting())}>
              Not now
            </button>
          </div>
        </div>
      )
    case 'ready':
      return null
  }
}
