/** What a server can do of all this, and why it does not do the rest: in words for a person. */
import { reason } from '../assist/model'
import type { JobKind, JobsClient, Kind } from './client'
import { JobError, SMALLER } from './problem'

export type OfferState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'known'; readonly kinds: ReadonlyMap<string, Kind>; readonly bytesMax: number }
  /** A token is wanted; refused: the one there is is wrong. */
  | { readonly kind: 'locked'; readonly refused: boolean }
  | { readonly kind: 'absent'; readonly why: string }

/** Never rejects. */
export async function lookAt(client: JobsClient): Promise<OfferState> {
  try {
    const { kinds, uploadBytesMax } = await client.offer()
    return { kind: 'known', kinds, bytesMax: uploadBytesMax }
  } catch (error) {
    return error instanceof JobError && error.status === 401
      ? { kind: 'locked', refused: client.token() !== null }
      : { kind: 'absent', why: reason(error) }
  }
}

/** Whether the server has heard of such jobs, ready or not. */
export const knows = (offer: OfferState, kind: JobKind): boolean =>
  offer.kind === 'known' && offer.kinds.has(kind)

/** Why a job of this kind cannot be begun; '' when it can, or when nobody knows yet. */
export function refusalOf(offer: OfferState, kind: JobKind): string {
  if (offer.kind !== 'known') return offer.kind === 'absent' ? offer.why : ''
  const found = offer.kinds.get(kind)
  if (found) return found.ready ? '' : (found.mend ?? 'it is not set up')
  return 'this server does not do it'
}

/** Why this file cannot be sent; '' when it can. */
export function fileProblem(offer: OfferState, kind: JobKind, file: File): string {
  if (file.size === 0) return `${file.name} is empty.`
  const most = offer.kind === 'known' ? offer.bytesMax : 0
  if (most === 0 || file.size <= most) return ''
  const mb = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MB`
  return `${file.name} has ${mb(file.size)}; this server takes ${mb(most)}. ${SMALLER[kind]}`
}
