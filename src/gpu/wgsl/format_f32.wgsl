// GPU_F32.
fn floats(i: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(wq[i]);
}
fn block_at(i: u32) -> Block {
  let at = 8u * i;
  return Block(floats(at), floats(at + 1u), floats(at + 2u), floats(at + 3u), floats(at + 4u),
               floats(at + 5u), floats(at + 6u), floats(at + 7u), vec4<f32>(1.0, 0.0, 1.0, 0.0));
}
fn block_part(w: Block, x: XBlock) -> f32 {
  return dot_low(w, x) + dot_high(w, x);
}
