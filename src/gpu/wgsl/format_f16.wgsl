// GPU_F16: pairs of halves.
struct Words {
  a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32>,
}
fn words_at(i: u32) -> Words {
  return Words(wq_at(4u * i), wq_at(4u * i + 1u), wq_at(4u * i + 2u), wq_at(4u * i + 3u));
}
fn scales_at(i: u32) -> vec4<f32> {
  return vec4<f32>(1.0, 0.0, 1.0, 0.0);
}
fn halves(a: u32, b: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(a), unpack2x16float(b));
}
fn block_of(w: Words, s: vec4<f32>) -> Block {
  return Block(halves(w.a.x, w.a.y), halves(w.a.z, w.a.w), halves(w.b.x, w.b.y),
               halves(w.b.z, w.b.w), halves(w.c.x, w.c.y), halves(w.c.z, w.c.w),
               halves(w.d.x, w.d.y), halves(w.d.z, w.d.w), s);
}
fn block_part(w: Block, x: XBlock) -> f32 {
  return dot_low(w, x) + dot_high(w, x);
}
