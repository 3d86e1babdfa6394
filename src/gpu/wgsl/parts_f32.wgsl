// A product's part of one block in f32: what matmul_vec and matmul_chunk ask for.
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
