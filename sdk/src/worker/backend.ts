/**
 * Which backend is opened first, and how a failure or a measurement reads. Pure decisions: knows
 * neither engines nor the browser. Read next: host.ts.
 */
import { NearfieldError } from '../error.ts'
import type { Attempt, Backend, BackendWhy, OpenOptions } from '../types.ts'

/** A backend, why it is that one, and the same for a person. */
export interface Chosen {
  backend: Backend
  why: BackendWhy
  reason: string
  /** Of a measured one: milliseconds a token of an edit took (pace.ts). */
  msPerToken?: number
  /** When it was found out, as Date.now(). */
  at?: number
}

/** The GPU as the browser offers it; a failure says why it offers none. */
export type Offer = { name: string; software: boolean } | NearfieldError

/**
 * kept: what was measured here before, or found out otherwise; null: nothing for this GPU, browser
 * and model. Throws when what was asked for cannot be.
 */
export function planOf(
  asked: NonNullable<OpenOptions['backend']>,
  offer: Offer | null,
  kept: Chosen | null,
): Chosen {
  if (asked === 'wasm') return { backend: 'wasm', why: 'asked', reason: 'the CPU was asked for' }
  if (offer instanceof NearfieldError || offer === null) {
    if (asked === 'webgpu')
      throw offer ?? new NearfieldError('unsupported', 'no GPU was looked for')
    return { backend: 'wasm', why: 'no_webgpu', reason: offer?.message ?? '' }
  }
  if (asked === 'webgpu') {
    return { backend: 'webgpu', why: 'asked', reason: 'the GPU was asked for' }
  }
  if (offer.software) {
    const reason = `the browser's GPU is software (${offer.name}): the CPU itself is faster`
    return { backend: 'wasm', why: 'software_adapter', reason }
  }
  const reason = 'the GPU was not compared with the CPU yet'
  return kept ?? { backend: 'wasm', why: 'unmeasured', reason }
}

const ms = (value: number) =>
  value === Number.POSITIVE_INFINITY
    ? 'far more'
    : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`

/** Of one edit; infinite: it was not waited for. */
export function chosenByMs(webgpuMs: number, wasmMs: number): Chosen {
  const reason = `measured here: GPU ${ms(webgpuMs)}, CPU ${ms(wasmMs)} for one edit`
  return webgpuMs < wasmMs
    ? { backend: 'webgpu', why: 'faster', reason }
    : { backend: 'wasm', why: 'slower', reason }
}

/** What a GPU that failed leaves: the CPU. Null: the failure is not the GPU's, no other backend
 * would do better (a damaged file, no network, a request that ended). */
export function afterFailure(error: unknown): (Chosen & { why: Attempt['outcome'] }) | null {
  if (!(error instanceof NearfieldError)) return null
  const { code, message: reason } = error
  if (code === 'lost' || code === 'no_memory') return { backend: 'wasm', why: code, reason }
  return code === 'unsupported' ? { backend: 'wasm', why: 'refused', reason } : null
}

/** A GPU that was not chosen for its pace alone, where the CPU has no room: it holds the weights
 * itself. Null: there is none, or the failure is another. */
export function afterNoRoom({ why }: Chosen, error: unknown): Chosen | null {
  if (why !== 'unmeasured' && why !== 'slower') return null
  if (!(error instanceof NearfieldError) || error.code !== 'no_memory') return null
  return { backend: 'webgpu', why: 'no_memory', reason: error.message }
}

const DAY_MS = 24 * 3600_000
/**
 * Is a kept choice still to be trusted? A driver's update does not show in what the browser tells,
 * and a GPU that was lost may have been lost for a reason that is gone.
 */
export function stillGood({ why, at = 0 }: Chosen, now: number): boolean {
  const ageMs = now - at
  return ageMs >= 0 && ageMs < (why === 'lost' ? DAY_MS : 30 * DAY_MS)
}

/** Worth keeping for the next time? Room may be there then; what was asked for is asked again. */
export const worthKeeping = ({ why }: Chosen): boolean =>
  why === 'faster' || why === 'slower' || why === 'refused' || why === 'lost'
