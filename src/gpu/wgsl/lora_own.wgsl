// The rows of A that one thread's outputs need are all its own: matmul_plain's. Follows
// lora_rows.wgsl.
var<private> h: array<f32, 128>; // of two pairs, each of ADAPTER_RANK_MAX
fn lora_h(place: u32, i: u32) -> f32 {
  return h[i];
}
// For rows n .. n + rows - 1 of the slice and row m of x.
fn lora_own(n: u32, rows: u32, m: u32) {
  lora_begin(n, rows);
  for (var i = 0u; i < lora_count(); i++) {
    var sum = 0.0;
    for (var b0 = 0u; b0 < N_BLOCKS; b0 += 4u) {
      var chunk = 0.0;
      for (var b = b0; b < min(b0 + 4u, N_BLOCKS); b++) {
        chunk += part_of(lora_w(i, b), x_block(m, b));
      }
      sum += chunk;
    }
    h[i] = sum;
  }
}
