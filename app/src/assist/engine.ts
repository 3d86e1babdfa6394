/**
 * The one seam between the app and the SDK: what the app needs of an engine, and the real one.
 * Unit tests pass another object of the same shape; beside it only project/store.ts uses the
 * SDK's code (its flat form of cues).
 * Read next: queue.ts, assist.ts.
 */
import type { Availability, CaptionsApi, NearfieldApi, OpenOptions } from 'nearfield'
import { captions, Nearfield } from 'nearfield'

/** What the server serves when it does not say. */
const MODEL_DEFAULT = 'smollm2-135m-instruct.q4_1'
const MODEL_KEPT = 'nearfield/model'

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
    const model = await modelUrl()
    const [availability, manifest] = await Promise.all([
      Nearfield.availability({ model }),
      fetchJson<{ name: string; bytes: number }>(`${model}manifest.json`),
    ])
    return { id: manifest?.name ?? 'model', bytes: manifest?.bytes ?? 0, availability }
  },
  async open(options) {
    return Nearfield.open({ ...options, model: await modelUrl() })
  },
}

/** The first model the server offers (NEARFIELD_MODEL may be any); offline, the one used last. */
async function modelUrl(): Promise<string> {
  const list = await fetchJson<{ models: { name: string }[] }>('/models/')
  const offered = list?.models[0]?.name
  if (offered) localStorage.setItem(MODEL_KEPT, offered)
  const name = offered ?? localStorage.getItem(MODEL_KEPT) ?? MODEL_DEFAULT
  return `/models/${encodeURIComponent(name)}/`
}

/**
 * Null when it cannot be had: the caller does without. A server that has just started is still
 * hashing its model and says when to ask again.
 */
async function fetchJson<T>(url: string): Promise<T | null> {
  try {
    let reply = await fetch(url)
    for (let tries = 0; reply.status === 503 && tries < 20; tries++) {
      const wait = Number(reply.headers.get('Retry-After')) || 1
      await new Promise((done) => setTimeout(done, Math.min(wait, 5) * 1000))
      reply = await fetch(url)
    }
    return reply.ok ? ((await reply.json()) as T) : null
  } catch {
    return null
  }
}
