// GPU_N4H: nibbles (low: columns 0-15, high: 16-31); f16 scale and minimum in one word.
fn block_at(i: u32) -> Block {
  let w = wq[i];
  let low = w & vec4<u32>(0x0F0F0F0Fu);
  let high = (w >> vec4<u32>(4u)) & vec4<u32>(0x0F0F0F0Fu);
  let s = unpack2x16float(ws[i]);
  return Block(bytes_unsigned(low.x), bytes_unsigned(low.y), bytes_unsigned(low.z),
               bytes_unsigned(low.w), bytes_unsigned(high.x), bytes_unsigned(high.y),
               bytes_unsigned(high.z), bytes_unsigned(high.w), s.xyxy);
}
fn block_part(w: Block, x: XBlock) -> f32 {
  let minimum = w.s.y * (x.sums.x + x.sums.y);
  return fma(w.s.x, dot_low(w, x) + dot_high(w, x), minimum);
}
