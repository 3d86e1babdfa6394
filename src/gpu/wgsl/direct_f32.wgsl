// Blocks of x as they are asked for, from its buffer. Follows parts_f32.wgsl.
const STAGES = false;
fn stage(i: u32, m: u32, b: u32) {}
fn x_at(i: u32, m: u32, b: u32) -> XPart {
  return x_block(m, b);
}
