/**
 * The one seam between the app and the SDK: what the app needs of an engine, and the real one.
 * Unit tests pass another object of the same shape; nothing else imports the SDK's code.
 * Read next: queue.ts, assist.ts.
 */
import type { Availability, CaptionsApi, NearfieldApi, OpenOptions } from 'nearfield'
import { captions, Nearfield } from 'nearfield'

export const MODEL_URL = '/models/smollm2-135m-instruct.q4_1/'

export interface ModelFacts {
  readonly id: string
  /** What the download costs. */
  readonly bytes: number
  /** 'available': already in this browser, nothing would be fetched. */
  readonly availability: Availability
}

export interface Engine {
  readonly captions: CaptionsApi
  /** Rejects when no model is served or it cannot be reached. */
  model(): Promise<ModelFacts>
  open(options: Pick<OpenOptions, 'onProgress' | 'signal'>): Promise<NearfieldApi>
}

/** The SDK itself. */
export const nearfieldEngine: Engine = {
  captions,
  async model() {
    const [availability, manifest] = await Promise.all([
      Nearfield.availability({ model: MODEL_URL }),
      fetchManifest(),
    ])
    return {
      id: manifest?.name ?? 'model',
      bytes: manifest?.bytes ?? 0,
      availability,
    }
  },
  open: (options) => Nearfield.open({ ...options, model: MODEL_URL }),
}

/** Name and size for the question before the download; null when offline (nothing to ask then). */
async function fetchManifest(): Promise<{ name: string; bytes: number } | null> {
  try {
    const reply = await fetch(`${MODEL_URL}manifest.json`)
    return reply.ok ? await reply.json() : null
  } catch {
    return null
  }
}
