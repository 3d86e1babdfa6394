// GPU_F16: pairs of halves.
fn halves(a: u32, b: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(a), unpack2x16float(b));
}
fn block_at(i: u32) -> Block {
  let a = wq[4u * i];
  let b = wq[4u * i + 1u];
  let c = wq[4u * i + 2u];
  let d = wq[4u * i + 3u];
  return Block(halves(a.x, a.y), halves(a.z, a.w), halves(b.x, b.y), halves(b.z, b.w),
               halves(c.x, c.y), halves(c.z, c.w), halves(d.x, d.y), halves(d.z, d.w),
               vec4<f32>(1.0, 0.0, 1.0, 0.0));
}
fn block_part(w: Block, x: XBlock) -> f32 {
  return dot_low(w, x) + dot_high(w, x);
}
