// A product with no low-rank addition.
const LORA_ROWS = 0u;
fn lora_begin(n: u32, rows: u32) {}
fn lora_own(n: u32, rows: u32, m: u32) {}
fn lora_count() -> u32 {
  return 0u;
}
fn lora_w(i: u32, b: u32) -> WPart {
  var none: WPart;
  return none;
}
fn b_first(n: u32) -> vec4<u32> {
  return vec4<u32>();
}
fn lora_add(v: f32, scale: f32, n: u32, place: u32, b: vec4<u32>) -> f32 {
  return v;
}
