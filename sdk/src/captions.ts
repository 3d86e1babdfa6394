/**
 * Caption files over the same C code as the command line, in a worker of its own that starts
 * with the first call. Needs no model. Read next: worker/captions.ts.
 */
import { Channel } from './channel.ts'
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

export const captions: CaptionsApi = {
  parse: (file) => worker().call('parse', { file }),
  write: (original, cues, format) => worker().call('write', { original, cues, format }),
  lint: (cues, format, profile = 'netflix') => worker().call('lint', { cues, format, profile }),
  measure: (texts, format) => worker().call('measure', { texts, format }),
}
