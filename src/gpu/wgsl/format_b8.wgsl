// GPU_B8: signed bytes; one f32 scale.
fn block_at(i: u32) -> Block {
  let low = wq[2u * i];
  let high = wq[2u * i + 1u];
  let s = vec4<f32>(bitcast<f32>(ws[i]), 0.0, bitcast<f32>(ws[i]), 0.0);
  return Block(bytes_signed(low.x), bytes_signed(low.y), bytes_signed(low.z),
               bytes_signed(low.w), bytes_signed(high.x), bytes_signed(high.y),
               bytes_signed(high.z), bytes_signed(high.w), s);
}
fn block_part(w: Block, x: XBlock) -> f32 {
  return fma(w.s.x, dot_high(w, x), w.s.x * dot_low(w, x)); // ends in an fma: see README.md
}
