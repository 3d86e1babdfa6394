// What one thread's outputs need of A for row m of x, all its own: matmul_plain's. Follows
// lora_rows.wgsl.
var<private> h: array<f32, 256>; // of two pairs of GPU_RANK_MAX, in two parts
fn lora_h(place: u32, i: u32) -> f32 {
  let at = i * LORA_PARTS;
  if (LORA_PARTS > 1u) {
    return h[at] + h[at + 1u];
  }
  return h[at];
}
fn lora_own(m: u32) {
  riding = true;
  for (var i = 0u; i < lora_count(); i++) {
    h[i] = row_sum(lora_row(i), m).dot;
  }
  riding = false;
}
