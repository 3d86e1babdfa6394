// Blocks of x as they are asked for, from its buffer. Follows parts_f32.wgsl.
const STAGES = false;
fn stage_rows(t: u32, team: u32, m0: u32, m_n: u32, b0: u32, nb: u32, seg: u32) {}
fn x_at(i: u32, m: u32, b: u32) -> XPart {
  return x_block(m, b);
}
