/**
 * Caption documents for the page: parse, write, lint, measure over the C API. Every call opens
 * a document and closes it again; the page holds the cues. Needs a runtime, no model.
 * Read next: caption_changes.ts (which cues of a file survive a save).
 */
import { NearfieldError } from '../error.ts'
import type { Calls } from '../protocol.ts'
import type { CaptionCue, CaptionFile, CaptionFormat, LintFinding, LintRule, Measure } from '../types.ts'
import { keptSources, lintable } from './caption_changes.ts'
import type { Runtime } from './runtime.ts'

const FORMATS: readonly CaptionFormat[] = ['srt', 'vtt']
const formatNumber = (format: CaptionFormat) => {
  const n = FORMATS.indexOf(format)
  if (n < 0) throw new NearfieldError('bad_input', `'${format}' is not a caption format; there are: srt, vtt`)
  return n
}
/** A document to insert cues into; its only cue goes again. */
const NEW_FILE = {
  srt: '1\n00:00:00,000 --> 00:00:00,001\n.\n',
  vtt: 'WEBVTT\n\n00:00.000 --> 00:00.001\n.\n',
}

function withDoc<T>(runtime: Runtime, file: Uint8Array, use: (doc: number) => T): T {
  const { exports } = runtime
  const doc = runtime.using(4, (out) => {
    runtime.lend(file, (at, length) => runtime.check(exports.nf_wasm_caption_open(at, length, out)))
    return runtime.word(out)
  })
  try {
    return use(doc)
  } finally {
    exports.nf_wasm_caption_close(doc)
  }
}

function readCues(runtime: Runtime, doc: number): CaptionCue[] {
  const { exports } = runtime
  return runtime.using(9 * 8, (row) =>
    Array.from({ length: exports.nf_wasm_caption_cues(doc) }, (_, i) => {
      exports.nf_wasm_caption_cue(doc, i, row)
      const c = runtime.row(row, 9) as [number, number, number, number, number, number, number, number, number]
      return {
        source: i,
        startMs: c[0],
        endMs: c[1],
        text: runtime.text(c[2], c[3]),
        settings: runtime.text(c[4], c[5]),
        label: runtime.text(c[6], c[7]),
      }
    }),
  )
}

export function parse(runtime: Runtime, { file }: Calls['parse']['args']): CaptionFile {
  const { exports } = runtime
  return withDoc(runtime, file, (doc) => ({
    format: FORMATS[exports.nf_wasm_caption_format(doc)]!,
    cues: readCues(runtime, doc),
    warnings: runtime.using(16, (row) =>
      Array.from({ length: exports.nf_wasm_caption_warnings(doc) }, (_, i) => {
        exports.nf_wasm_caption_warning(doc, i, row)
        const [line, what] = runtime.row(row, 2) as [number, number]
        return { line, what: runtime.cString(what) }
      }),
    ),
  }))
}

/** The cue that a failure is about, in front of the line that says what. */
function atCue<T>(index: number, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof NearfieldError)) throw error
    throw new NearfieldError(error.code, `cue ${index + 1}: ${error.message}`, { cause: error })
  }
}

function insert(runtime: Runtime, doc: number, at: number, cue: CaptionCue): void {
  runtime.lend(runtime.encode(cue.text), (text, length) =>
    runtime.check(runtime.exports.nf_wasm_caption_insert(doc, at, cue.startMs, cue.endMs, text, length)))
}

/** Turns the document's cues into `cues`; what is the same stays untouched, byte for byte. */
function apply(runtime: Runtime, doc: number, before: CaptionCue[], cues: CaptionCue[]): void {
  const { exports } = runtime
  const kept = keptSources(cues, before.length)
  let next = 0 // the original cue that now lies at index i of the document
  const removeUntil = (source: number, i: number) => {
    for (; next < source; next++) runtime.check(exports.nf_wasm_caption_remove(doc, i))
  }
  cues.forEach((cue, i) => atCue(i, () => {
    if (!kept.has(cue)) return insert(runtime, doc, i, cue)
    removeUntil(cue.source!, i)
    const was = before[next++]!
    if (was.text !== cue.text) {
      runtime.lend(runtime.encode(cue.text), (text, length) =>
        runtime.check(exports.nf_wasm_caption_text_set(doc, i, text, length)))
    }
    if (was.startMs !== cue.startMs || was.endMs !== cue.endMs) {
      runtime.check(exports.nf_wasm_caption_times_set(doc, i, cue.startMs, cue.endMs))
    }
  }))
  removeUntil(before.length, cues.length)
}

export function write(runtime: Runtime, { original, cues, format }: Calls['write']['args']): Uint8Array {
  const number = formatNumber(format)
  return withDoc(runtime, original ?? runtime.encode(NEW_FILE[format]), (doc) => {
    const before = readCues(runtime, doc)
    const wanted = original ? cues : cues.map((cue) => ({ ...cue, source: null }))
    apply(runtime, doc, before, wanted)
    return runtime.using(16, (row) => {
      runtime.check(runtime.exports.nf_wasm_caption_write(doc, number, row))
      const [file, length] = runtime.row(row, 2) as [number, number]
      return runtime.copy(file, length)
    })
  })
}

export function lint(runtime: Runtime, { cues, format, profile }: Calls['lint']['args']): LintFinding[] {
  const { exports } = runtime
  formatNumber(format)
  if (cues.length === 0) return []
  return withDoc(runtime, runtime.encode(NEW_FILE[format]), (doc) => {
    cues.forEach((cue, i) => atCue(i, () => insert(runtime, doc, i, lintable(cue))))
    runtime.check(exports.nf_wasm_caption_remove(doc, cues.length))
    const cap = 8 * cues.length // a cue breaks each of the 7 rules at most once
    return runtime.using(16 * cap, (out) => {
      const n = runtime.lend(runtime.encode(profile), (name, length) =>
        exports.nf_wasm_lint(doc, name, length, out, cap))
      if (n < 0) throw new NearfieldError('bad_input', `there is no lint profile '${profile}'`)
      const words = new Int32Array(runtime.memory.buffer, out, 4 * Math.min(n, cap))
      return Array.from({ length: Math.min(n, cap) }, (_, i) => ({
        cue: words[4 * i]!,
        rule: runtime.cString(exports.nf_wasm_lint_rule(words[4 * i + 1]!)) as LintRule,
        value: words[4 * i + 2]!,
        limit: words[4 * i + 3]!,
      }))
    })
  })
}

export function measure(runtime: Runtime, { texts, format }: Calls['measure']['args']): Measure[] {
  const number = formatNumber(format)
  return runtime.using(24, (row) =>
    texts.map((text) => {
      runtime.lend(runtime.encode(text), (at, length) =>
        runtime.exports.nf_wasm_measure(at, length, number, row))
      const [chars, lineCharsMax, lines] = runtime.row(row, 3) as [number, number, number]
      return { chars, lineCharsMax, lines }
    }),
  )
}
