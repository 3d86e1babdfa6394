/**
 * A small LoRA for SmolLM2-135M as an adapter's GGUF file, made here: rank 2 for q and v of every
 * layer, small fixed numbers. Not one that was trained.
 */
const LAYERS = 30
const WIDTH = 576
const RANK = 2

class Out {
  #bytes: number[] = []
  get length(): number {
    return this.#bytes.length
  }
  u32(value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes.push(Math.floor(value / 256 ** i) % 256)
  }
  u64(value: number): void {
    this.u32(value)
    this.u32(0)
  }
  f32(value: number): void {
    this.#bytes.push(...new Uint8Array(Float32Array.of(value).buffer))
  }
  string(text: string): void {
    const bytes = new TextEncoder().encode(text)
    this.u64(bytes.length)
    this.#bytes.push(...bytes)
  }
  align(): void {
    while (this.#bytes.length % 32) this.#bytes.push(0)
  }
  take(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes)
  }
}

const STRING = 8
const FLOAT = 6

/** texts: further keys, e.g. 'nearfield.task'. scale: how much it does. */
export function loraFile(texts: Record<string, string> = {}, scale = 0.1): Uint8Array<ArrayBuffer> {
  const out = new Out()
  const keys = {
    'general.type': 'adapter',
    'general.architecture': 'llama',
    'adapter.type': 'lora',
    ...texts,
  }
  const tensors: { name: string; cols: number; rows: number }[] = []
  for (let layer = 0; layer < LAYERS; layer++) {
    for (const [matrix, rows] of [
      ['attn_q', WIDTH],
      ['attn_v', 192],
    ] as const) {
      const name = `blk.${layer}.${matrix}.weight.lora_`
      tensors.push({ name: `${name}a`, cols: WIDTH, rows: RANK })
      tensors.push({ name: `${name}b`, cols: RANK, rows })
    }
  }
  for (const word of [0x46554747, 3]) out.u32(word)
  out.u64(tensors.length)
  out.u64(Object.keys(keys).length + 1)
  for (const [key, text] of Object.entries(keys)) {
    out.string(key)
    out.u32(STRING)
    out.string(text)
  }
  out.string('adapter.lora.alpha')
  out.u32(FLOAT)
  out.f32(2 * RANK)
  let offset = 0
  for (const { name, cols, rows } of tensors) {
    out.string(name)
    out.u32(2)
    out.u64(cols)
    out.u64(rows)
    out.u32(0) // F32
    out.u64(offset)
    offset += Math.ceil((4 * cols * rows) / 32) * 32
  }
  out.align()
  for (const [i, { cols, rows }] of tensors.entries()) {
    for (let k = 0; k < cols * rows; k++) out.f32(scale * Math.sin(1.7 * k + i))
    out.align()
  }
  return out.take()
}
