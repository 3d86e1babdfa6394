/**
 * One caption document in wasm memory: opened, its cues read, a cue put in, closed again.
 * Owns the handle for as long as a call lasts. Read next: captions.ts, caption_lint.ts.
 */
import { NearfieldError } from '../error.ts'
import type { CaptionCue, CaptionFormat } from '../types.ts'
import type { Runtime } from './runtime.ts'

export const FORMATS: readonly CaptionFormat[] = ['srt', 'vtt']

/** The number C knows it by; throws for a format there is not. */
export function formatNumber(format: CaptionFormat): number {
  const n = FORMATS.indexOf(format)
  if (n >= 0) return n
  throw new NearfieldError('bad_input', `'${format}' is not a caption format; there are: srt, vtt`)
}

/** A document to insert cues into; its only cue goes again. */
export const NEW_FILE = {
  srt: '1\n00:00:00,000 --> 00:00:00,001\n.\n',
  vtt: 'WEBVTT\n\n00:00.000 --> 00:00.001\n.\n',
}

/** The document of a file, open until `use` returns. */
export function withDoc<T>(runtime: Runtime, file: Uint8Array, use: (doc: number) => T): T {
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

export function readCues(runtime: Runtime, doc: number): CaptionCue[] {
  const { exports } = runtime
  return runtime.using(9 * 8, (row) =>
    Array.from({ length: exports.nf_wasm_caption_cues(doc) }, (_, i) => {
      exports.nf_wasm_caption_cue(doc, i, row)
      const c = runtime.row(row, 9)
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

/** The cue that a failure is about, in front of the line that says what. */
export function atCue<T>(index: number, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof NearfieldError)) throw error
    throw new NearfieldError(error.code, `cue ${index + 1}: ${error.message}`, { cause: error })
  }
}

export function insertCue(runtime: Runtime, doc: number, at: number, cue: CaptionCue): void {
  runtime.lend(runtime.encode(cue.text), (text, length) =>
    runtime.check(
      runtime.exports.nf_wasm_caption_insert(doc, at, cue.startMs, cue.endMs, text, length),
    ),
  )
}
