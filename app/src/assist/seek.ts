/**
 * When a server that is away is looked for again: after 5, 10, 20, 40, 60, 60, ... seconds as long
 * as the page is seen, and at once when it is seen again or the browser is online again. Does not
 * know how it is looked for. Read next: model.ts.
 */
import type { Model } from './model'

const FIRST_MS = 5000
const LONGEST_MS = 60_000

/** Resolves when there is nothing to look for any more. */
export async function seekServer(model: Pick<Model, 'seeksServer' | 'lookAgain'>): Promise<void> {
  for (let ms = FIRST_MS; model.seeksServer; ms = Math.min(2 * ms, LONGEST_MS)) {
    await pause(ms)
    await model.lookAgain()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController()
    const end = () => {
      if (document.visibilityState === 'hidden') return
      clearTimeout(timer)
      over.abort()
      resolve()
    }
    const timer = setTimeout(end, ms)
    addEventListener('online', end, { signal: over.signal })
    document.addEventListener('visibilitychange', end, { signal: over.signal })
  })
}
