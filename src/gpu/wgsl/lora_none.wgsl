// A product with no low-rank addition: what lora_rows.wgsl has for one.
const LORA_ROWS = 0u;
const LORA_PARTS = 1u;
var<private> riding: bool;
fn wq_at(i: u32) -> vec4<u32> {
  return wq[i];
}
fn ws_at(i: u32) -> u32 {
  return ws[i];
}
fn tile_begin(tile: u32, rows: u32) -> vec2<u32> {
  return vec2<u32>(tile * rows, slice.n_rows);
}
fn lora_count() -> u32 {
  return 0u;
}
fn lora_row(i: u32) -> u32 {
  return 0u;
}
fn lora_own(m: u32) {}
fn b_first(n: u32) -> vec4<u32> {
  return vec4<u32>();
}
fn lora_add(sum: f32, n: u32, place: u32, b: vec4<u32>) -> f32 {
  return sum;
}
