/**
 * An edit request as nearfield_wasm.c reads it: nf_edit_desc's words, the protected terms'
 * pairs, then all texts, in one piece of memory that lives during `use`.
 */
import type { Calls } from '../protocol.ts'
import type { Runtime } from './runtime.ts'

const DESC_WORDS = 20

export function placeEdit<T>(
  runtime: Runtime,
  { task, adapter }: { task: number; adapter: number },
  request: Calls['edit']['args'],
  use: (desc: number) => T,
): T {
  const { text, format, context, maxChars, maxLines, maxCps, durationMs, protect = [] } = request
  const { seed = 0, variants, evenIfPoor } = request
  const texts = [text, context?.before ?? '', context?.after ?? '', ...protect]
  const head = 4 * (DESC_WORDS + 2 * protect.length)
  return runtime.usingTexts(head, texts, (at, pairs) => {
    const terms = at + 4 * DESC_WORDS
    const words = new DataView(runtime.memory.buffer, at, head)
    const [own, ...others] = pairs.slice(0, 3)
    const whole = [
      task,
      ...own!,
      format === 'vtt' ? 1 : 0,
      ...others.flat(),
      maxChars ?? 0,
      maxLines ?? 0,
      0,
      durationMs ?? 0,
      protect.length ? terms : 0,
      protect.length,
      seed % 2 ** 32, // setInt32 keeps the low 32 bits
      Math.floor(seed / 2 ** 32),
      variants ?? 0,
      evenIfPoor ? 1 : 0,
      adapter,
      0,
      ...pairs.slice(3).flat(),
    ]
    for (const [i, word] of whole.entries()) words.setInt32(4 * i, word, true)
    words.setFloat32(40, maxCps ?? 0, true)
    return use(at)
  })
}
