/**
 * One transcription as it becomes cues of the open document: each segment at the end of it, the
 * laid out captions at the last. Owns which segments are in the document; keeps their number with
 * the project in the same write as the cues, so that after a reload none is missing or there twice.
 */
import type { CaptionsApi } from 'nearfield'
import { newCueId } from '../document/cue'
import type { KeptJob } from '../project/store'
import type { Editor } from '../shell/editor'
import type { Workspace } from '../shell/workspace'
import type { Heard } from './segments'
import { findCue, layOut, readSegment, segmentCue } from './segments'

export class Transcript {
  readonly #editor: Editor
  readonly #workspace: Workspace
  readonly #captions: CaptionsApi
  #job: KeptJob
  readonly #heard = new Map<number, Heard>()
  #place = 0
  #grown = false

  constructor(editor: Editor, workspace: Workspace, captions: CaptionsApi, job: KeptJob) {
    this.#editor = editor
    this.#workspace = workspace
    this.#captions = captions
    this.#job = job
  }

  get n(): number {
    return this.#heard.size
  }

  /** The file of the result in the document's own format. */
  get resultName(): string {
    return this.#editor.document?.format === 'srt' ? 'captions.srt' : 'captions.vtt'
  }

  /** False: the person took the transcription back and went on without it. */
  take(data: unknown): boolean {
    const segment = readSegment(data)
    const { document } = this.#editor
    // Once each, but for a try that has lost what those before it kept (docs/server.md).
    if (!segment || !document || this.#heard.has(segment.i)) return true
    const made = segmentCue(segment, document.format)
    if (segment.i < this.#job.applied) {
      const at = findCue(document.cues, this.#place, made)
      if (at >= 0) this.#place = at + 1
      this.#heard.set(segment.i, { segment, cue: document.cues[at] ?? null })
      return true
    }
    if (this.#grown && !this.#editor.isGrowing) return false
    const replaced = this.#job.applied === 0 ? document.cues.length : 0
    this.#editor.grow([made], 'Transcribe', replaced)
    this.#grown = true
    this.#heard.set(segment.i, { segment, cue: made })
    this.#job = { ...this.#job, applied: segment.i + 1 }
    this.#workspace.remember({ job: this.#job })
    return true
  }

  /** The number of cues that were laid out. */
  async finish(text: string, signal: AbortSignal): Promise<number> {
    const file = new TextEncoder().encode(text)
    const cues = text.includes('-->') ? (await this.#captions.parse(file)).cues : []
    signal.throwIfAborted()
    const { document } = this.#editor
    if (!document || cues.length + this.#heard.size === 0) return 0
    if (this.#heard.size === 0) {
      // A transcriber that says nothing before its end.
      const all = cues.map((cue) => ({ ...cue, id: newCueId(), source: null, label: '' }))
      this.#editor.grow(all, 'Transcribe', document.cues.length)
      return all.length
    }
    const heard = [...this.#heard.values()].sort((a, b) => a.segment.i - b.segment.i)
    this.#editor.settle(layOut(document.cues, heard, cues), 'Lay out captions')
    return cues.length
  }
}
