/**
 * Fetching small files of a server that may have just started: while it hashes its model it
 * answers 503 with Retry-After, and is asked again. Owns the waiting only.
 */

const TRIES_MAX = 30
const WAIT_S_MAX = 10

/** fetch() of what may change on the server; 503 is what is left when the waiting was long. */
export async function fetchWhenReady(url: string, signal?: AbortSignal): Promise<Response> {
  for (let tries = 0; ; tries++) {
    const response = await fetch(url, { cache: 'no-cache', ...(signal && { signal }) })
    const waitS = Number(response.headers.get('Retry-After'))
    const again = response.status === 503 && waitS > 0 && waitS <= WAIT_S_MAX && tries < TRIES_MAX
    if (!again) return response
    await new Promise((done) => setTimeout(done, waitS * 1000))
    signal?.throwIfAborted()
  }
}
