// GPU_B8: one f32 scale.
const ONE_SCALE = false; // it has one, but no minimum: a part must end in an fma, see README.md
fn scales_at(i: u32) -> vec4<f32> {
  let scale = bitcast<f32>(ws_at(i));
  return vec4<f32>(scale, 0.0, scale, 0.0);
}
fn block_part(w: Block, x: XBlock) -> f32 {
  return fma(w.s.x, dot_high(w, x), w.s.x * dot_low(w, x)); // ends in an fma: see README.md
}
