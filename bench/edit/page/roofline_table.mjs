// What a pass of the model must read and multiply, against what a machine streams and multiplies:
// the bound beside the measured. Owns the arithmetic, runs in node and in the page.
// Shape: SmolLM2-135M (30 layers, 576 wide, 9 / 3 heads of 64, 1536, 49152).
const LAYERS = 30,
  D = 576,
  KV = 192,
  FF = 1536,
  VOCAB = 49152
const layerMacs = LAYERS * (2 * D * D + 2 * D * KV + 3 * D * FF)
const headMacs = D * VOCAB
// Q4_1: 20 bytes a block of 32; the head, which is the embedding table, Q8_0: 34.
const weightBytes = (layerMacs * 20) / 32 + (headMacs * 34) / 32

// A pass of m rows of which `heads` go through the head, at context position pos (keys and values f32).
export function need(m, heads, pos) {
  const attention = LAYERS * m * 2 * pos * D
  return {
    bytes: weightBytes + LAYERS * 2 * KV * 4 * pos,
    macs: layerMacs * m + headMacs * heads + attention,
  }
}

export function bound({ bytes, macs }, { read_gb_s, gmac_s }) {
  const read_ms = bytes / read_gb_s / 1e6
  const multiply_ms = macs / gmac_s / 1e6
  return {
    read_ms: Number(read_ms.toFixed(3)),
    multiply_ms: Number(multiply_ms.toFixed(3)),
    limit: read_ms > multiply_ms ? 'reading' : 'multiplying',
  }
}

// decode, a 32-row and a 128-row pass on this machine: bound, and the share of it that was reached.
export function table(machine, measured) {
  const out = {}
  for (const [name, m, key] of [
    ['decode', 1, 'decode_tok_s'],
    ['rows32', 32, 'rows32_tok_s'],
    ['rows128', 128, 'rows128_tok_s'],
  ]) {
    const passes = m === 128 ? 2 : 1 // a pass has at most 64 rows (MODEL_ROWS_MAX)
    const of = need(m / passes, 1 / passes, 160)
    const limit = bound(of, machine)
    const tok_s = (m * 1e3) / (passes * Math.max(limit.read_ms, limit.multiply_ms))
    out[name] = {
      bytes_a_pass: Math.round(of.bytes),
      macs_a_pass: Math.round(of.macs),
      ...limit,
      bound_tok_s: Number(tok_s.toFixed(1)),
    }
    if (measured?.[key]) out[name].reached = Number((measured[key] / tok_s).toFixed(3))
  }
  return out
}

// facts: page/roofline.js's. Products are in f32 unless the engine uses the int8 dot: the f32 rate.
export const gpuRoofline = (facts, measured) => ({
  ...facts,
  passes: table({ read_gb_s: facts.read_gb_s, gmac_s: facts.f32_gmac_s }, measured),
})
