// 32 columns of a weight row, decoded: value = s.xz * q + s.yw for the two halves of 16.
struct Block {
  q0: vec4<f32>, q1: vec4<f32>, q2: vec4<f32>, q3: vec4<f32>,
  q4: vec4<f32>, q5: vec4<f32>, q6: vec4<f32>, q7: vec4<f32>,
  s: vec4<f32>,
}
// The same as packed bytes of four columns each, where the format has them.
struct Ints {
  low: vec4<u32>,
  high: vec4<u32>,
}
// 32 values of a row of x; sums: of each half, then of the squares.
struct XBlock {
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
  sums: vec4<f32>,
}
// Integers become floats as the low bits of 2^23 + n: exact, and faster than a conversion.
const MAGIC_BITS = 0x4B000000u;
const MAGIC = 8388608.0;
fn bytes_unsigned(w: u32) -> vec4<f32> {
  let n = (vec4<u32>(w) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
  return bitcast<vec4<f32>>(n | vec4<u32>(MAGIC_BITS)) - vec4<f32>(MAGIC);
}
fn bytes_signed(w: u32) -> vec4<f32> {
  let n = (vec4<u32>(w ^ 0x80808080u) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
  return bitcast<vec4<f32>>(n | vec4<u32>(MAGIC_BITS)) - vec4<f32>(MAGIC + 128.0);
}
fn across(a: vec4<f32>) -> f32 {
  return (a.x + a.y) + (a.z + a.w);
}
// Every product that meets a sum is an fma, so that no compiler has a choice.
fn dot16(a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>,
         b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>) -> f32 {
  var sum = a0 * b0;
  sum = fma(a1, b1, sum);
  sum = fma(a2, b2, sum);
  sum = fma(a3, b3, sum);
  return across(sum);
}
fn dot_low(w: Block, x: XBlock) -> f32 {
  return dot16(w.q0, w.q1, w.q2, w.q3, x.x0, x.x1, x.x2, x.x3);
}
fn dot_high(w: Block, x: XBlock) -> f32 {
  return dot16(w.q4, w.q5, w.q6, w.q7, x.x4, x.x5, x.x6, x.x7);
}
// A block as it lies in memory: few registers, so that several are on their way at once. Words,
// words_at, scales_at and block_of are the format's.
struct Raw {
  words: Words,
  s: vec4<f32>,
}
fn raw_at(i: u32) -> Raw {
  return Raw(words_at(i), scales_at(i));
}
fn block_at(i: u32) -> Block {
  return block_of(words_at(i), scales_at(i));
}
