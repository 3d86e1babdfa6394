/**
 * Measures of texts and lint findings, both computed by the captions worker (the same C code
 * as the command line), never by a second definition here. Owns when to ask: texts on sight,
 * one question in flight; lint once typing rests. Knows no React.
 */
import type { CaptionFormat, CaptionsApi, LintFinding, Measure } from 'nearfield'
import type { CaptionDocument } from './cue'
import { createStore } from './store'

export interface ChecksState {
  /** By text. A text that is not in it is being measured. */
  readonly measures: ReadonlyMap<string, Measure>
  readonly findings: readonly LintFinding[]
  /** The document the findings are about; their `cue` is an index into it. */
  readonly linted: CaptionDocument | null
}

const LINT_REST_MS = 200
const MEASURES_MAX = 50_000

export type Checks = ReturnType<typeof createChecks>

export function createChecks(captions: CaptionsApi, onError: (error: unknown) => void) {
  const store = createStore<ChecksState>({ measures: new Map(), findings: [], linted: null })
  let measuring = false
  let wanted = new Set<string>()
  let format: CaptionFormat | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let round = 0

  async function measure(): Promise<void> {
    if (measuring || wanted.size === 0 || !format) return
    measuring = true
    const texts = [...wanted]
    const asked = format
    wanted = new Set()
    try {
      const found = await captions.measure(texts, asked)
      if (asked === format) {
        const old = store.get().measures
        const measures = new Map(old.size > MEASURES_MAX ? [] : old)
        texts.forEach((text, i) => {
          const one = found[i]
          if (one) measures.set(text, one)
        })
        store.set({ measures })
      }
    } catch (error) {
      onError(error)
    } finally {
      measuring = false
    }
    await measure()
  }

  async function lint(document: CaptionDocument): Promise<void> {
    round += 1
    const mine = round
    try {
      const findings = await captions.lint(document.cues, document.format)
      if (mine === round) store.set({ findings, linted: document })
    } catch (error) {
      if (mine === round) onError(error)
    }
  }

  /** Ask for measures of texts that no cue holds yet (suggestions). */
  function want(texts: Iterable<string>): void {
    const { measures } = store.get()
    for (const text of texts) if (!measures.has(text)) wanted.add(text)
    void measure()
  }

  /** Tell of a new value; the first one of a file is linted at once. */
  function update(document: CaptionDocument | null, previous: CaptionDocument | null): void {
    clearTimeout(timer)
    if (!document) {
      round += 1
      wanted = new Set()
      format = null
      store.set({ measures: new Map(), findings: [], linted: null })
      return
    }
    if (document.format !== format) {
      format = document.format
      wanted = new Set()
      store.set({ measures: new Map() })
    }
    if (!previous || previous.order !== document.order) want(document.cues.map((cue) => cue.text))
    else {
      const changed = document.cues.filter((cue, i) => cue !== previous.cues[i])
      want(changed.map((cue) => cue.text))
    }
    if (previous) timer = setTimeout(() => void lint(document), LINT_REST_MS)
    else void lint(document)
  }

  return { store, update, want }
}
