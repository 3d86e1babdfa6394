/** How much a text is to read, as it stands or as it would be: characters, longest line, rate. */
import { useRef } from 'react'
import type { Cue } from '../../document/cue'
import { cps } from '../../document/format'
import { useChecks } from '../../shell/use'

/** Rate, characters and longest line of the text as it stands. */
export function Measures({ cue }: { cue: Cue }) {
  const measure = useChecks((state) => state.measures.get(cue.text))
  const last = useRef(measure)
  // While a new text is measured the old numbers stay, rather than blink.
  if (measure) last.current = measure
  const known = measure ?? last.current
  if (!known) return <p className="measures" />
  const rate = cps(known.chars, cue.startMs, cue.endMs)
  return (
    <p className="measures">
      {known.chars} chars · line {known.lineCharsMax} · {rate === null ? '–' : rate.toFixed(1)} cps
    </p>
  )
}

/** Rate and length the cue would have. */
export function After({ cue, text }: { cue: Cue; text: string }) {
  const measure = useChecks((state) => state.measures.get(text))
  const rate = measure && cps(measure.chars, cue.startMs, cue.endMs)
  if (!measure || rate === undefined) return null
  return (
    <>
      {measure.chars} chars{rate !== null && ` · ${rate.toFixed(1)} cps`}
    </>
  )
}
