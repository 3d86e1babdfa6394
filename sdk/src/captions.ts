/**
 * Caption files over the same C code as the command line, in a worker of its own that starts
 * with the first call. Needs no model. Read next: worker/captions.ts.
 */
import { Channel } from './channel.ts'
import { packCues, packStrings, unpackCues, unpackFindings, unpackMeasures } from './pack.ts'
import type { CaptionsApi } from './types.ts'
import { startWorker } from './worker_start.ts'

let channel: Channel | null = null

function worker(): Channel {
  if (channel) return channel
  const started = new Channel(startWorker())
  // A worker that ended is replaced by the next call.
  started.onLost = () => {
    channel = null
  }
  channel = started
  return started
}

/**
 * The caption functions of this page; the same findings and bytes as the command line's.
 * @example
 * ```ts
 * import { captions } from 'nearfield'
 *
 * const bytes = new TextEncoder().encode('1\n00:00:01,000 --> 00:00:02,000\nHello there.\n')
 * const { cues, format } = await captions.parse(bytes)
 * const [cue] = cues
 * if (cue) cue.text = 'Hello, you.'
 * const findings = await captions.lint(cues, format) // [] or what breaks a limit
 * const saved = await captions.write(bytes, cues, format) // all but the change as it was
 * ```
 */
export const captions: CaptionsApi = {
  async parse(file) {
    const { cues, ...rest } = await worker().call('parse', { file })
    return { ...rest, cues: unpackCues(cues) }
  },
  write: async (original, cues, format) =>
    worker().call('write', { original, cues: packCues(cues), format }),
  async lint(cues, format, profile = 'netflix') {
    return unpackFindings(await worker().call('lint', { cues: packCues(cues), format, profile }))
  },
  async measure(texts, format) {
    return unpackMeasures(await worker().call('measure', { texts: packStrings(texts), format }))
  },
}
