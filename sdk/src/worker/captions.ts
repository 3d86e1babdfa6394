/**
 * Caption files for the page: parse and write. Every call opens a document and closes it again;
 * the page holds the cues. Needs a runtime, no model.
 * Read next: caption_changes.ts (which cues of a file survive a save), caption_lint.ts.
 */
import type { CaptionCue, CaptionFile, CaptionFormat } from '../types.ts'
import { keptSources } from './caption_changes.ts'
import {
  atCue,
  FORMATS,
  formatNumber,
  insertCue,
  NEW_FILE,
  readCues,
  withDoc,
} from './caption_doc.ts'
import type { Runtime } from './runtime.ts'

export function parse(runtime: Runtime, { file }: { file: Uint8Array }): CaptionFile {
  const { exports } = runtime
  return withDoc(runtime, file, (doc) => ({
    format: FORMATS[exports.nf_wasm_caption_format(doc)] ?? 'srt',
    cues: readCues(runtime, doc),
    warnings: runtime.using(16, (row) =>
      Array.from({ length: exports.nf_wasm_caption_warnings(doc) }, (_, i) => {
        exports.nf_wasm_caption_warning(doc, i, row)
        const [line, what] = runtime.row(row, 2)
        return { line, what: runtime.cString(what) }
      }),
    ),
  }))
}

/** Turns the document's cues into `cues`; what is the same stays untouched, byte for byte. */
function apply(runtime: Runtime, doc: number, before: CaptionCue[], cues: CaptionCue[]): void {
  const kept = keptSources(cues, before.length)
  let next = 0 // the original cue that now lies at index i of the document
  const removeUntil = (source: number, i: number) => {
    for (; next < source; next++) runtime.check(runtime.exports.nf_wasm_caption_remove(doc, i))
  }
  for (const [i, cue] of cues.entries()) {
    const source = kept.has(cue) ? cue.source : null
    if (source !== null) removeUntil(source, i)
    const was = source === null ? undefined : before[next++]
    atCue(i, () => {
      if (was) change(runtime, doc, i, was, cue)
      else insertCue(runtime, doc, i, cue)
    })
  }
  removeUntil(before.length, cues.length)
}

function change(runtime: Runtime, doc: number, i: number, was: CaptionCue, cue: CaptionCue): void {
  const { exports } = runtime
  if (was.text !== cue.text) {
    runtime.lend(runtime.encode(cue.text), (text, length) =>
      runtime.check(exports.nf_wasm_caption_text_set(doc, i, text, length)),
    )
  }
  if (was.startMs !== cue.startMs || was.endMs !== cue.endMs) {
    runtime.check(exports.nf_wasm_caption_times_set(doc, i, cue.startMs, cue.endMs))
  }
}

export function write(
  runtime: Runtime,
  {
    original,
    cues,
    format,
  }: { original: Uint8Array | null; cues: CaptionCue[]; format: CaptionFormat },
): Uint8Array {
  const number = formatNumber(format)
  return withDoc(runtime, original ?? runtime.encode(NEW_FILE[format]), (doc) => {
    const before = readCues(runtime, doc)
    const wanted = original ? cues : cues.map((cue) => ({ ...cue, source: null }))
    apply(runtime, doc, before, wanted)
    return runtime.using(16, (row) => {
      runtime.check(runtime.exports.nf_wasm_caption_write(doc, number, row))
      const [file, length] = runtime.row(row, 2)
      return runtime.copy(file, length)
    })
  })
}
