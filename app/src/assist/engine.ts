/**
 * The one seam between the app and the SDK: what the app needs of an engine, and the real one.
 * Unit tests pass another object of the same shape; beside it only project/store.ts uses the
 * SDK's code (its flat form of cues).
 * Read next: assist.ts.
 */
import type { Availability, CaptionsApi, ModelOffer, NearfieldApi, OpenOptions } from 'nearfield'
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
  /** A page of Markdown about this browser, when no model is open: NearfieldApi.report() is of one. */
  report(): Promise<string>
  open(options: Pick<OpenOptions, 'onProgress' | 'onStatus' | 'signal'>): Promise<NearfieldApi>
}

/** The SDK itself. */
export const nearfieldEngine: Engine = {
  captions,
  async model() {
    const { name, bytes } = await offeredModel()
    const availability = await Nearfield.availability({ model: folderOf(name) })
    return { id: name, bytes, availability }
  },
  report: () => Nearfield.report(),
  async open(options) {
    return Nearfield.open({ ...options, model: folderOf((await offeredModel()).name) })
  },
}

const folderOf = (name: string) => `/models/${encodeURIComponent(name)}/`

/** The first model the server offers (NEARFIELD_MODEL may be any); offline, the one used last. */
async function offeredModel(): Promise<ModelOffer> {
  const [first] = await Nearfield.models().catch(() => [])
  if (first) localStorage.setItem(MODEL_KEPT, first.name)
  return first ?? { name: localStorage.getItem(MODEL_KEPT) ?? MODEL_DEFAULT, bytes: 0 }
}
