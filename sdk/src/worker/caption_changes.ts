/**
 * Pure decisions about cues: which of them are still the original file's, and a form that the
 * linter can always take.
 */
import type { CaptionCue } from '../types.ts'

/**
 * The cues that stay where they are in the file: the longest ascending run of sources. Others
 * (added, or moved across their neighbours) are written anew.
 */
export function keptSources(cues: CaptionCue[], nSources: number): Set<CaptionCue> {
  const own = cues.filter((c) => c.source !== null && c.source >= 0 && c.source < nSources)
  const ends: number[] = [] // ends[n]: index in own of the smallest last source of a run of n + 1
  const before = new Array<number>(own.length).fill(-1)
  own.forEach((cue, i) => {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (own[ends[middle]!]!.source! < cue.source!) low = middle + 1
      else high = middle
    }
    before[i] = low > 0 ? ends[low - 1]! : -1
    ends[low] = i
  })
  const kept = new Set<CaptionCue>()
  for (let i = ends.at(-1) ?? -1; i >= 0; i = before[i]!) kept.add(own[i]!)
  return kept
}

/**
 * A cue while it is being typed may be one that no file can hold (an empty line, an arrow, an
 * end before its start). The linter counts it all the same: same length, no empty lines.
 */
export function lintable(cue: CaptionCue): CaptionCue {
  const lines = cue.text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
  const startMs = Math.max(0, Math.round(cue.startMs) || 0)
  return {
    ...cue,
    startMs,
    endMs: Math.max(startMs, Math.round(cue.endMs) || 0),
    text: lines.join('\n').replaceAll('-->', '==>') || '.',
  }
}
