/**
 * One version of the cue as a word diff. Owns how a change looks and sounds; what a click on one
 * does is the caller's (`onTake`; without it the words are text only).
 */
import { describeChange, wordDiff } from '../../document/worddiff'

interface Props {
  readonly before: string
  readonly after: string
  readonly onTake?: (index: number) => void
}

export function Diff({ before, after, onTake }: Props) {
  return (
    <p className="diff">
      {wordDiff(before, after).map((part) => {
        if (part.kind === 'same') return part.text
        const words = (
          <>
            {part.removed && <del>{visible(part.removed)}</del>}
            <Said>{joint(part.removed, part.added)}</Said>
            {part.added && <ins>{visible(part.added)}</ins>}
          </>
        )
        if (!onTake) return <span key={part.index}>{words}</span>
        return (
          <button
            key={part.index}
            type="button"
            className="change"
            title="Accept only this"
            onClick={() => onTake(part.index)}
          >
            <Said>Accept: </Said>
            {words}
          </button>
        )
      })}
    </p>
  )
}

/** For ears only: the colours' meaning in words, so that the button reads "Accept: a becomes b". */
const Said = ({ children }: { children: string }) => <span className="hidden">{children}</span>

/** What stands between the words seen; a space or line break alone would not be heard. */
function joint(removed: string, added: string): string {
  if (removed.trim() && added.trim()) return ' becomes '
  if (removed.trim() && !added) return ' removed'
  if (added.trim() && !removed) return 'added '
  return ` ${describeChange(removed, added)} `
}

/** A removed or added line break must be seen. */
const visible = (text: string) => text.replaceAll('\n', '↵\n')
