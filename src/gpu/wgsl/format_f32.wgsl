// GPU_F32.
alias Words = Block;
fn floats(i: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(wq_at(i));
}
fn words_at(i: u32) -> Words {
  let at = 8u * i;
  return Block(floats(at), floats(at + 1u), floats(at + 2u), floats(at + 3u), floats(at + 4u),
               floats(at + 5u), floats(at + 6u), floats(at + 7u), scales_at(i));
}
fn scales_at(i: u32) -> vec4<f32> {
  return vec4<f32>(1.0, 0.0, 1.0, 0.0);
}
fn block_of(w: Words, s: vec4<f32>) -> Block {
  return w;
}
fn block_part(w: Block, x: XBlock) -> f32 {
  return dot_low(w, x) + dot_high(w, x);
}
