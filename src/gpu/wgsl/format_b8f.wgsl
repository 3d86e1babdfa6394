// GPU_B8F: signed bytes; f32 scale and minimum of each 16 columns.
fn block_at(i: u32) -> Block {
  let low = wq[2u * i];
  let high = wq[2u * i + 1u];
  let at = 4u * i;
  let s = bitcast<vec4<f32>>(vec4<u32>(ws[at], ws[at + 1u], ws[at + 2u], ws[at + 3u]));
  return Block(bytes_signed(low.x), bytes_signed(low.y), bytes_signed(low.z),
               bytes_signed(low.w), bytes_signed(high.x), bytes_signed(high.y),
               bytes_signed(high.z), bytes_signed(high.w), s);
}
fn block_part(w: Block, x: XBlock) -> f32 {
  var part = w.s.y * x.sums.x;
  part = fma(w.s.x, dot_low(w, x), part);
  part = fma(w.s.w, x.sums.y, part);
  return fma(w.s.z, dot_high(w, x), part);
}
