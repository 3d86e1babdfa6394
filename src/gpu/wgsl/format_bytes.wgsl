// Signed bytes: what GPU_B8 and GPU_B8F share. Their own file has scales_at and block_part.
alias Words = Ints;
fn words_at(i: u32) -> Words {
  return Ints(wq_at(2u * i), wq_at(2u * i + 1u));
}
fn ints_of(w: Words) -> Ints {
  return w;
}
fn block_of(n: Words, s: vec4<f32>) -> Block {
  return Block(bytes_signed(n.low.x), bytes_signed(n.low.y), bytes_signed(n.low.z),
               bytes_signed(n.low.w), bytes_signed(n.high.x), bytes_signed(n.high.y),
               bytes_signed(n.high.z), bytes_signed(n.high.w), s);
}
