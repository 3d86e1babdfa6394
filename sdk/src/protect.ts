/**
 * Protected terms as the engine takes them: words. An expression stands for whatever it finds in
 * the text; it never crosses to the worker. Pure.
 */
import { NearfieldError } from './error.ts'

/** In the order given, each once; an expression's lastIndex stays as it is. */
export function protectedTerms(text: string, protect: readonly (string | RegExp)[]): string[] {
  const terms = protect.flatMap((one) => {
    if (typeof one === 'string') return [one]
    if (!(one instanceof RegExp)) {
      throw new NearfieldError('bad_input', 'edit: protect takes strings and regular expressions')
    }
    const every = new RegExp(one, one.flags.replace(/[gy]/g, '').concat('g'))
    return Array.from(text.matchAll(every), ([found]) => found).filter((found) => found !== '')
  })
  return [...new Set(terms)]
}
