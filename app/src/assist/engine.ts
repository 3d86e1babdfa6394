/**
 * The one seam between the app and the SDK: what the app needs of an engine, and the real one.
 * Unit tests pass another object of the same shape; beside it only project/store.ts uses the
 * SDK's code (its flat form of cues).
 * Read next: assist.ts.
 */
import type {
  Availability,
  CaptionsApi,
  ModelOffer,
  NearfieldApi,
  OpenOptions,
  ServerPlace,
} from 'nearfield'
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
  /** Whether the server of this page edits too; null: it cannot be reached. Never rejects. */
  hasServer(): Promise<boolean | null>
  /** With the server (`server`) it resolves at once, and the model comes along. */
  open(options: EngineOptions): Promise<NearfieldApi>
  /** The server alone; no model is fetched. */
  openServer(): Promise<NearfieldApi>
}

export type EngineOptions = Pick<OpenOptions, 'onProgress' | 'onStatus' | 'signal'> & {
  readonly server: boolean
}

/** What an edit there costs, as far as the server says: nothing until it was asked. */
type Prices = Pick<ServerPlace, 'inputUsd' | 'outputUsd'>

/** What '/edit' and '/models' come behind, on the server that served this page. */
const SERVER_URL = '/v1'
/** What is said in the place of a server that is not there. */
const AWAY = new Set([502, 503, 504])

/** The SDK itself. `token` is what this tab shows the server, where it asks for one. */
export function createEngine(token: () => string | null): Engine {
  let prices: Prices = {}
  const place = () => {
    const shown = token()
    return { url: SERVER_URL, ...prices, ...(shown && { token: shown }) }
  }
  return {
    captions,
    async model() {
      const { name, bytes } = await offeredModel()
      const availability = await Nearfield.availability({ model: folderOf(name) })
      return { id: name, bytes, availability }
    },
    report: () => Nearfield.report(),
    async hasServer() {
      try {
        const shown = token()
        const headers = new Headers(shown ? { Authorization: `Bearer ${shown}` } : {})
        const reply = await fetch(`${SERVER_URL}/models`, { headers }).catch(() => null)
        if (!reply || AWAY.has(reply.status)) return null
        if (!reply.ok) return false
        const { edits, inputUsd = 0, outputUsd = 0 } = (await reply.json()).nearfield ?? {}
        prices = { inputUsd, outputUsd }
        return edits === true
      } catch {
        return false // a host of files answers whatever it likes
      }
    },
    async open({ server, ...options }) {
      const model = folderOf((await offeredModel()).name)
      return Nearfield.open({ ...options, model, ...(server && { server: place() }) })
    },
    async openServer() {
      const model = folderOf((await offeredModel()).name)
      return Nearfield.open({ model, server: place(), consent: () => false })
    },
  }
}

const folderOf = (name: string) => `/models/${encodeURIComponent(name)}/`

/** The first model the server offers (NEARFIELD_MODEL may be any); offline, the one used last. */
async function offeredModel(): Promise<ModelOffer> {
  const [first] = await Nearfield.models().catch(() => [])
  let kept: string | null = null
  try {
    if (first) localStorage.setItem(MODEL_KEPT, first.name)
    else kept = localStorage.getItem(MODEL_KEPT)
  } catch {
    // blocked or full: then nothing is known of the last time
  }
  return first ?? { name: kept ?? MODEL_DEFAULT, bytes: 0 }
}
