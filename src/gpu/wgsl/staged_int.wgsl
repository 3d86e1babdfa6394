// Blocks of x as integers in workgroup memory, X_BLOCKS of them; a thread makes a whole block, so where
// threads have several to make. Follows parts_int.wgsl.
const STAGES = true;
var<workgroup> xs: array<vec4<u32>, X_BLOCKS * 5u>;
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
  let sums = sums_of(scale, total(n0, n1, n2, n3), total(n4, n5, n6, n7));
  xs[at + 4u] = bitcast<vec4<u32>>(vec4<f32>(scale, sums, xb.sums.z));
}
// m_n rows of x from m0 on, nb blocks from b0 on; by `team` threads.
fn stage_rows(t: u32, team: u32, m0: u32, m_n: u32, b0: u32, nb: u32, seg: u32) {
  for (var i = t; i < m_n * nb; i += team) {
    stage(i / nb * seg + i % nb, m0 + i / nb, b0 + i % nb);
  }
}
fn x_at(i: u32, m: u32, b: u32) -> XPart {
  let at = i * 5u;
  return XInts(xs[at], xs[at + 1u], xs[at + 2u], xs[at + 3u], bitcast<vec4<f32>>(xs[at + 4u]));
}
