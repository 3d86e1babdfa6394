/**
 * How an answer's tokens are chosen: the draft's seven modes, or its older topK and temperature.
 * Owns what a mode means here. Pure.
 */
import type { GenerateRequest } from '../index.ts'

/** From always the likeliest token to the widest choice. */
export type SamplingMode =
  | 'most-predictable'
  | 'predictable'
  | 'slightly-predictable'
  | 'balanced'
  | 'slightly-creative'
  | 'creative'
  | 'most-creative'

/** A mode, or numbers; both throw a TypeError. */
export interface SamplingOptions {
  samplingMode?: SamplingMode
  topK?: number
  temperature?: number
}

export interface Sampling {
  /** null: numbers were given. */
  mode: SamplingMode | null
  topK: number
  temperature: number
  how: Pick<GenerateRequest, 'temperature' | 'topK' | 'topP' | 'repeatPenalty'>
}

const TOP_K_MAX = 128
const TEMPERATURE_MAX = 2
/** A small model repeats itself sooner than it says something odd. */
const REPEAT_PENALTY = 1.1
const MODES: Record<SamplingMode, { temperature: number; topK: number; topP: number }> = {
  'most-predictable': { temperature: 0, topK: 1, topP: 1 },
  predictable: { temperature: 0.3, topK: 20, topP: 0.9 },
  'slightly-predictable': { temperature: 0.5, topK: 30, topP: 0.92 },
  balanced: { temperature: 0.7, topK: 40, topP: 0.95 },
  'slightly-creative': { temperature: 0.85, topK: 50, topP: 0.95 },
  creative: { temperature: 1, topK: 60, topP: 0.95 },
  'most-creative': { temperature: 1.3, topK: 100, topP: 0.98 },
}

/** Throws a TypeError or RangeError. */
export function samplingOf({ samplingMode, topK, temperature }: SamplingOptions): Sampling {
  const numbers = topK !== undefined || temperature !== undefined
  if (samplingMode !== undefined && numbers) {
    throw new TypeError('samplingMode and topK or temperature exclude each other')
  }
  const mode = samplingMode ?? 'balanced'
  const known = MODES[mode]
  if (!known) throw new TypeError(`samplingMode: '${samplingMode}' is none`)
  if (topK !== undefined && !(topK >= 1)) throw new RangeError('topK: expected 1 or more')
  if (temperature !== undefined && !(temperature >= 0)) {
    throw new RangeError('temperature: expected 0 or more')
  }
  const how = {
    temperature: Math.min(temperature ?? known.temperature, TEMPERATURE_MAX),
    topK: Math.min(Math.floor(topK ?? known.topK), TOP_K_MAX),
    topP: known.topP,
    repeatPenalty: REPEAT_PENALTY,
  }
  return { mode: numbers ? null : mode, topK: how.topK, temperature: how.temperature, how }
}
