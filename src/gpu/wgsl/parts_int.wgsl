// A product's part of one block by 8-bit dots: a block of x becomes 32 integers of 16 bits and a
// scale, kept as signed high and low bytes, so that four columns are two instructions and no weight
// becomes a float. Sums of integers are exact; what is rounded is x, to 2^-16 of its block's largest.
// As integers x is made once a workgroup and kept in its memory: staged_int.wgsl where there is much
// of it, shared_int.wgsl for one row, which all threads wait for.
alias WPart = WInts;
alias XPart = XInts;
struct WInts {
  n: Ints,
  s: vec4<f32>,
}
struct XInts {
  high0: vec4<u32>, high1: vec4<u32>, low0: vec4<u32>, low1: vec4<u32>,
  s: vec4<f32>, // the scale; what sums_of gave; the sum of x's squares
}
const MOST = 32639.0; // its high byte, rounded up, is 127
// The scaled sums of a block's halves, or, where they have one minimum, of both: products alone, which
// no compiler can make part of an fma. Sums of integers are exact.
fn sums_of(scale: f32, low: f32, high: f32) -> vec2<f32> {
  return select(vec2<f32>(scale * low, scale * high), vec2<f32>(scale * (low + high), 0.0), ONE_SCALE);
}
fn w_of(raw: Raw) -> WPart {
  return WInts(ints_of(raw.words), raw.s);
}
fn high_bytes(n: vec4<i32>) -> u32 {
  return pack4xI8((n + vec4<i32>(128)) >> vec4<u32>(8u));
}
fn squares_of(x: XPart) -> f32 {
  return x.s.w;
}
fn dot16_int(w: vec4<u32>, high: vec4<u32>, low: vec4<u32>) -> i32 {
  let of_high = (dot4I8Packed(w.x, high.x) + dot4I8Packed(w.y, high.y)) +
                (dot4I8Packed(w.z, high.z) + dot4I8Packed(w.w, high.w));
  let of_low = (dot4I8Packed(w.x, low.x) + dot4I8Packed(w.y, low.y)) +
               (dot4I8Packed(w.z, low.z) + dot4I8Packed(w.w, low.w));
  return of_high * 256 + of_low;
}
fn part_of(w: WPart, x: XPart) -> f32 {
  let low = dot16_int(w.n.low, x.high0, x.low0);
  let high = dot16_int(w.n.high, x.high1, x.low1);
  if (ONE_SCALE) {
    return fma(w.s.x * x.s.x, f32(low + high), w.s.y * x.s.y);
  }
  let minima = fma(w.s.y, x.s.y, w.s.w * x.s.z);
  return fma(w.s.x * x.s.x, f32(low), fma(w.s.z * x.s.x, f32(high), minima));
}
