/**
 * `nearfield/polyfill`: the classes of nearfield/web as globals, each only where the browser has
 * none. Owns the list. `installed` says which are ours; setModel() which model they take.
 * @module nearfield/polyfill
 */
import { LanguageModel, Proofreader, Rewriter, Summarizer, Writer } from './web.ts'

export { setModel } from './web.ts'

/** Names of the globals that are ours: those the browser did not have. */
export const installed: readonly string[] = Object.entries({
  LanguageModel,
  Proofreader,
  Rewriter,
  Summarizer,
  Writer,
}).flatMap(([name, value]) => {
  if (name in globalThis) return []
  Object.defineProperty(globalThis, name, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  })
  return [name]
})
