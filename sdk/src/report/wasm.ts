/** What WebAssembly can do here; whether the engine gets threads is known to whoever asks. */
import { hasRelaxedSimd, hasSimd } from '../features.ts'
import { type Fact, yesNo } from './lines.ts'

export function wasmFacts(threads: () => string): Fact[] {
  if (typeof WebAssembly !== 'object') return [['WebAssembly', 'none']]
  return [
    ['compiles', compiles()],
    ['simd', yesNo(hasSimd())],
    ['relaxed simd', yesNo(hasRelaxedSimd())],
    ['threads', threads()],
  ]
}

/** The smallest module; a policy may forbid it. */
function compiles(): string {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
    return 'yes'
  } catch (error) {
    return `no: ${error}`
  }
}
