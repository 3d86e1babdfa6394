// The work every engine of the page does, and the clock. Owns the prompts and the lists of words
// for the speed runs; does not know any engine. captions.json: CC0, written for this project.
export const work = await (await fetch('/captions.json')).json()
export const STOP = work.stop
export const TOKENS_MAX = work.max_new_tokens
export const DECODE = 32

// n different common words; what differs at the front with `seed` is in no cache.
const WORDS = (
  'one two three four five six seven eight nine ten red blue green white black time year ' +
  'people way day man thing woman life child world school state family student group country'
).split(' ')
export const words = (n, seed) =>
  Array.from({ length: n }, (_, i) => ` ${WORDS[(seed + i * 5) % WORDS.length]}`).join('')

// The adapter a page on WebGPU would get; null where there is none.
export async function adapterFacts() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return null
  const { vendor, architecture, description } = adapter.info
  return {
    vendor,
    architecture,
    description,
    f16: adapter.features.has('shader-f16'),
    subgroups: adapter.features.has('subgroups'),
  }
}

// Runs fn and says how long it took: {value, ms}.
export async function timed(fn) {
  const started = performance.now()
  const value = await fn()
  return { value, ms: performance.now() - started }
}
