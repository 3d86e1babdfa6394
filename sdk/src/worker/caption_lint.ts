/**
 * Lint and measure over the C API, for cues as the page holds them: no file need hold them yet.
 * Knows no rule: they are src/caption/lint.c's.
 */
import { NearfieldError } from '../error.ts'
import type { CaptionCue, CaptionFormat, LintFinding, LintRule, Measure } from '../types.ts'
import { lintable } from './caption_changes.ts'
import { atCue, formatNumber, insertCue, NEW_FILE, withDoc } from './caption_doc.ts'
import type { Runtime } from './runtime.ts'

/** A cue breaks each rule at most once. */
const RULES = 7
/** nf_lint_finding: cue, rule, value, limit. */
const FINDING_BYTES = 16

export function lint(
  runtime: Runtime,
  { cues, format, profile }: { cues: CaptionCue[]; format: CaptionFormat; profile: string },
): LintFinding[] {
  const { exports } = runtime
  formatNumber(format)
  if (cues.length === 0) return []
  return withDoc(runtime, runtime.encode(NEW_FILE[format]), (doc) => {
    for (const [i, cue] of cues.entries()) {
      atCue(i, () => insertCue(runtime, doc, i, lintable(cue)))
    }
    runtime.check(exports.nf_wasm_caption_remove(doc, cues.length))
    const cap = RULES * cues.length
    return runtime.using(FINDING_BYTES * cap, (out) => {
      const n = runtime.lend(runtime.encode(profile), (name, length) =>
        exports.nf_wasm_lint(doc, name, length, out, cap),
      )
      if (n < 0) throw new NearfieldError('bad_input', `there is no lint profile '${profile}'`)
      return Array.from({ length: Math.min(n, cap) }, (_, i) => {
        const at = out + FINDING_BYTES * i
        return {
          cue: runtime.word(at),
          rule: runtime.cString(exports.nf_wasm_lint_rule(runtime.word(at + 4))) as LintRule,
          value: runtime.word(at + 8),
          limit: runtime.word(at + 12),
        }
      })
    })
  })
}

export function measure(
  runtime: Runtime,
  { texts, format }: { texts: string[]; format: CaptionFormat },
): Measure[] {
  const number = formatNumber(format)
  return runtime.using(24, (row) =>
    texts.map((text) => {
      runtime.lend(runtime.encode(text), (at, length) =>
        runtime.exports.nf_wasm_measure(at, length, number, row),
      )
      const [chars, lineCharsMax, lines] = runtime.row(row, 3)
      return { chars, lineCharsMax, lines }
    }),
  )
}
