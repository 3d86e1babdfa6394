// From the bytes of a GGUF matrix to a weight of kernels.h: a thread takes 32 columns of a row.
// A type (type_*.wgsl) and a format to write (write_*.wgsl) come after it.
// The layouts are those of src/gguf/quant.c, which names the places in a block.
struct Repack {
  at: u32,        // byte of raw where the rows begin
  n_rows: u32,
  row_bytes: u32,
  to: u32,        // row of the slice that the first becomes
  step: u32,
  groups_x: u32,
  n_blocks: u32, // of 32 columns in a row
}
@group(0) @binding(0) var<uniform> work: Repack;
@group(0) @binding(1) var<storage, read> raw: array<u32>;
@group(0) @binding(2) var<storage, read_write> wq: array<u32>;
@group(0) @binding(3) var<storage, read_write> ws: array<u32>;

fn word(at: u32) -> u32 {
  let shift = (at & 3u) * 8u;
  let low = raw[at >> 2u];
  if (shift == 0u) {
    return low;
  }
  return (low >> shift) | (raw[(at >> 2u) + 1u] << (32u - shift));
}
fn byte(at: u32) -> u32 {
  return (raw[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
}
fn half_bits(at: u32) -> u32 {
  return byte(at) | (byte(at + 1u) << 8u);
}
// IEEE 754 binary16 by hand: the built-in ones may flush small values to zero.
fn f32_of_half(h: u32) -> f32 {
  let sign = (h & 0x8000u) << 16u;
  let exponent = (h >> 10u) & 31u;
  let fraction = h & 1023u;
  if (exponent == 0u) {
    return bitcast<f32>(sign | bitcast<u32>(f32(fraction) * 5.9604645e-8)); // 2^-24
  }
  if (exponent == 31u) {
    return bitcast<f32>(sign | 0x7F800000u | (fraction << 13u));
  }
  return bitcast<f32>(sign | ((exponent + 112u) << 23u) | (fraction << 13u));
}
fn half_at(at: u32) -> f32 {
  return f32_of_half(half_bits(at));
}
// Of a value that a half holds exactly, or too large for one.
fn half_of_f32(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7FFFFFFFu;
  if (size >= 0x47800000u) {
    return sign | 0x7C00u | select(0u, 512u, size > 0x7F800000u);
  }
  if (size < 0x38800000u) {
    return sign | u32(bitcast<f32>(size) * 16777216.0); // 2^24
  }
  return sign | ((size - 0x38000000u) >> 13u);
}
fn signed_byte(at: u32) -> f32 {
  return f32(bitcast<i32>(byte(at) << 24u) >> 24u);
}
// Bit i of four to bit 0 of byte i.
fn spread(bits: u32) -> u32 {
  return (bits & 1u) | ((bits & 2u) << 7u) | ((bits & 4u) << 14u) | ((bits & 8u) << 21u);
}

// 32 values of a quantized type: four bytes a word; scale and minimum of each 16.
struct Ints {
  q: array<u32, 8>,
  s: vec4<f32>,
}
