// Nibbles (low: columns 0-15, high: 16-31), one scale and minimum a block: what GPU_N4H and GPU_N4F
// share. Their own file has scales_at.
const ONE_SCALE = true;
alias Words = vec4<u32>;
fn words_at(i: u32) -> Words {
  return wq_at(i);
}
fn ints_of(w: Words) -> Ints {
  return Ints(w & vec4<u32>(0x0F0F0F0Fu), (w >> vec4<u32>(4u)) & vec4<u32>(0x0F0F0F0Fu));
}
fn block_of(w: Words, s: vec4<f32>) -> Block {
  let n = ints_of(w);
  return Block(bytes_unsigned(n.low.x), bytes_unsigned(n.low.y), bytes_unsigned(n.low.z),
               bytes_unsigned(n.low.w), bytes_unsigned(n.high.x), bytes_unsigned(n.high.y),
               bytes_unsigned(n.high.z), bytes_unsigned(n.high.w), s);
}
fn block_part(w: Block, x: XBlock) -> f32 {
  let minimum = w.s.y * (x.sums.x + x.sums.y);
  return fma(w.s.x, dot_low(w, x) + dot_high(w, x), minimum);
}
