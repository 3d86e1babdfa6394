// GPU_B8F: f32 scale and minimum of each 16 columns.
const ONE_SCALE = false;
fn scales_at(i: u32) -> vec4<f32> {
  let at = 4u * i;
  return bitcast<vec4<f32>>(vec4<u32>(ws_at(at), ws_at(at + 1u), ws_at(at + 2u), ws_at(at + 3u)));
}
fn block_part(w: Block, x: XBlock) -> f32 {
  var part = w.s.y * x.sums.x;
  part = fma(w.s.x, dot_low(w, x), part);
  part = fma(w.s.w, x.sums.y, part);
  return fma(w.s.z, dot_high(w, x), part);
}
