/**
 * What this browser can run. Each probe is the smallest module that validates only where the
 * instruction exists; whether it also computes right is the engine's test (src/kernel/check.c).
 */

/** (func (drop BODY)) as a module; BODY leaves one v128. */
function probe(...body: number[]): Uint8Array<ArrayBuffer> {
  const code = [0, ...body, 26, 11]
  return Uint8Array.from([
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    4,
    1,
    96,
    0,
    0,
    3,
    2,
    1,
    0,
    10,
    code.length + 2,
    1,
    code.length,
    ...code,
  ])
}
const ZERO = [0xfd, 12, ...new Array<number>(16).fill(0)]
/** i32x4.relaxed_dot_i8x16_i7x16_add_s */
const RELAXED_DOT = [...ZERO, ...ZERO, ...ZERO, 0xfd, 0x93, 2]

export const hasSimd = () => WebAssembly.validate(probe(...ZERO))
export const hasRelaxedSimd = () => WebAssembly.validate(probe(...RELAXED_DOT))

/** Everything the engine cannot do without. */
export function canRun(): boolean {
  return (
    typeof Worker === 'function' &&
    typeof WebAssembly === 'object' &&
    hasSimd() &&
    globalThis.crypto?.subtle !== undefined
  )
}
