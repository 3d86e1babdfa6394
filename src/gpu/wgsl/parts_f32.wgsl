// A product's part of one block in f32: what matmul_*.wgsl ask for.
alias WPart = Block;
alias XPart = XBlock;
fn w_of(raw: Raw) -> WPart {
  return block_of(raw.words, raw.s);
}
fn part_of(w: WPart, x: XPart) -> f32 {
  return block_part(w, x);
}
fn squares_of(x: XPart) -> f32 {
  return x.sums.z;
}
// A block of signed bytes beside those of W's own format: its scale is in its values.
fn w_bytes(n: Ints, s: f32) -> WPart {
  return Block(s * bytes_signed(n.low.x), s * bytes_signed(n.low.y), s * bytes_signed(n.low.z),
               s * bytes_signed(n.low.w), s * bytes_signed(n.high.x), s * bytes_signed(n.high.y),
               s * bytes_signed(n.high.z), s * bytes_signed(n.high.w),
               vec4<f32>(1.0, 0.0, 1.0, 0.0));
}
