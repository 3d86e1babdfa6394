/**
 * The model's state as a person meets it: the question before the download (size, what it is
 * for, yes or no), the progress, what went wrong. Stands under the text and in the device panel.
 */
import { answeringOf } from '../../assist/model'
import { formatBytes } from '../../document/format'
import { useApp, useModel, useModelStore } from '../../shell/use'

const NOT_SENT = 'your captions are not sent anywhere.'

interface Props {
  /** Takes the focus when the button that had it goes away. */
  readonly onDone: () => void
}

export function ModelAsk({ onDone }: Props) {
  const { editor } = useApp()
  const state = useModel()
  const { model, assist } = editor
  const answered = useModelStore((store) => answeringOf(store) !== null)

  const then = (act: () => void) => () => {
    act()
    onDone()
  }
  const refuse = then(() => {
    model.refuse()
    assist.dropWaiting()
    editor.announce(
      answered
        ? 'Not downloaded. The server edits.'
        : 'Not downloaded. You can still edit by hand.',
    )
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
            after that, and {answered ? 'edits run here, not by the server.' : NOT_SENT}
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
      const { stage, loaded, total, broke } = state
      const known = stage === 'download' && total > 0
      return (
        <div className="ask">
          <p>
            {broke
              ? `The model did not come, trying again: ${broke}`
              : known
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

/** The server edits, and the model may still be had: said where the text goes, before it goes. */
export const useServerAsks = (): boolean =>
  useModelStore(
    (store) => store.state.kind === 'absent' && !store.state.refused && answeringOf(store) !== null,
  )

/** The same question in one line, where it stands beside the server's answers. */
export function ServerAsk({ onDone }: Props) {
  const { editor } = useApp()
  const state = useModel()
  if (state.kind !== 'absent') return null
  const then = (act: () => void) => () => {
    act()
    onDone()
  }
  const { bytes } = state.facts
  return (
    <section className="server-ask" aria-label="Where edits run">
      <p>Edits are sent to the server.</p>
      <button type="button" onClick={then(() => void editor.model.download())}>
        Download{bytes > 0 && ` ${formatBytes(bytes)}`}
        <span className="medium"> to edit here</span>
      </button>
      <button
        type="button"
        className="quiet"
        onClick={then(() => {
          editor.model.refuse()
          editor.announce('Not downloaded. The server edits.')
        })}
      >
        Not now
      </button>
    </section>
  )
}
