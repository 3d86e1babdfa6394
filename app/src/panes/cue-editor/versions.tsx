/**
 * Several versions of a cue, one under the other, one of them in hand. Radio buttons: the arrow
 * keys walk them, Alt+1..3 takes one from anywhere, Enter accepts the one in hand.
 */
import { useId } from 'react'
import type { Suggestion } from '../../assist/assist'
import type { Cue } from '../../document/cue'
import { chordName } from '../../shell/keys'
import { useApp } from '../../shell/use'
import { Diff } from './diff'
import { After } from './measures'

interface Props {
  readonly cue: Cue
  readonly suggestion: Suggestion
  readonly onAccept: () => void
  readonly onTake: (index: number) => void
}

export function Versions({ cue, suggestion, onAccept, onTake }: Props) {
  const { editor } = useApp()
  const name = useId()
  const { versions, after } = suggestion
  return (
    <div className="versions" role="radiogroup" aria-label="Versions">
      {versions.map((text, i) => {
        const inHand = text === after
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the radio button in it has the keys
          // biome-ignore lint/a11y/noStaticElementInteractions: a larger target for the pointer
          <div key={text} className="version" onClick={() => inHand || editor.choose(i)}>
            <input
              type="radio"
              name={name}
              className="hidden"
              aria-label={`Version ${i + 1}: ${text}`}
              aria-describedby={`${name}-${i}`}
              aria-keyshortcuts={`Alt+${i + 1}`}
              checked={inHand}
              onChange={() => editor.choose(i)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter') return
                event.preventDefault()
                onAccept()
              }}
            />
            <kbd title={chordName(`Alt+${i + 1}`)}>{i + 1}</kbd>
            <Diff before={cue.text} after={text} {...(inHand && { onTake })} />
            <span className="measures" id={`${name}-${i}`}>
              <After cue={cue} text={text} />
            </span>
          </div>
        )
      })}
    </div>
  )
}
