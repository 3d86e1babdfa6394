// A product's part of one block by 8-bit dots: a block of x becomes 32 integers of 16 bits and a
// scale, kept as signed high and low bytes, so that four columns are two instructions and no weight
// becomes a float. Sums of integers are exact; what is rounded is x, to 2^-16 of its block's largest.
// It also holds x in workgroup memory, X_BLOCKS of them: as integers it is made once a workgroup.
alias WPart = WInts;
alias XPart = XInts;
struct WInts {
  n: Ints,
  s: vec4<f32>,
}
struct XInts {
  high0: vec4<u32>, high1: vec4<u32>, low0: vec4<u32>, low1: vec4<u32>,
  s: vec4<f32>, // the scale; sums of the two halves, scaled; the sum of x's squares
}
const MOST = 32639.0; // its high byte, rounded up, is 127
const STAGES = true;
var<workgroup> xs: array<vec4<u32>, X_BLOCKS * 5u>;

fn w_of(raw: Raw) -> WPart {
  return WInts(ints_of(raw.words), raw.s);
}
fn high_bytes(n: vec4<i32>) -> u32 {
  return pack4xI8((n + vec4<i32>(128)) >> vec4<u32>(8u));
}
fn total(a: vec4<i32>, b: vec4<i32>, c: vec4<i32>, d: vec4<i32>) -> f32 {
  let sum = (a + b) + (c + d);
  return f32((sum.x + sum.y) + (sum.z + sum.w));
}
fn largest(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> f32 {
  let top = max(max(abs(a), abs(b)), max(abs(c), abs(d)));
  return max(max(top.x, top.y), max(top.z, top.w));
}
// Block b of row m of x, normed where it is, into place i.
fn stage(i: u32, m: u32, b: u32) {
  let xb = x_block(m, b);
  let top = max(largest(xb.x0, xb.x1, xb.x2, xb.x3), largest(xb.x4, xb.x5, xb.x6, xb.x7));
  let up = select(0.0, MOST / top, top > 1e-30);
  let scale = top / MOST;
  let n0 = vec4<i32>(round(xb.x0 * up));
  let n1 = vec4<i32>(round(xb.x1 * up));
  let n2 = vec4<i32>(round(xb.x2 * up));
  let n3 = vec4<i32>(round(xb.x3 * up));
  let n4 = vec4<i32>(round(xb.x4 * up));
  let n5 = vec4<i32>(round(xb.x5 * up));
  let n6 = vec4<i32>(round(xb.x6 * up));
  let n7 = vec4<i32>(round(xb.x7 * up));
  let at = i * 5u;
  xs[at] = vec4<u32>(high_bytes(n0), high_bytes(n1), high_bytes(n2), high_bytes(n3));
  xs[at + 1u] = vec4<u32>(high_bytes(n4), high_bytes(n5), high_bytes(n6), high_bytes(n7));
  xs[at + 2u] = vec4<u32>(pack4xI8(n0), pack4xI8(n1), pack4xI8(n2), pack4xI8(n3));
  xs[at + 3u] = vec4<u32>(pack4xI8(n4), pack4xI8(n5), pack4xI8(n6), pack4xI8(n7));
  xs[at + 4u] = bitcast<vec4<u32>>(vec4<f32>(scale, scale * total(n0, n1, n2, n3),
                                             scale * total(n4, n5, n6, n7), xb.sums.z));
}
fn x_at(i: u32, m: u32, b: u32) -> XPart {
  let at = i * 5u;
  return XInts(xs[at], xs[at + 1u], xs[at + 2u], xs[at + 3u], bitcast<vec4<f32>>(xs[at + 4u]));
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
    return fma(w.s.x * x.s.x, f32(low + high), w.s.y * (x.s.y + x.s.z));
  }
  let minima = fma(w.s.y, x.s.y, w.s.w * x.s.z);
  return fma(w.s.x * x.s.x, f32(low), fma(w.s.z * x.s.x, f32(high), minima));
}
