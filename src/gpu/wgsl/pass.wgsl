// The structs of kernels.h that the host writes: a dispatch's scalars and the rows of a pass.
struct Pass {
  m: u32,
  row0: u32,
  record0: u32,
  kv_ctx: u32,
  @size(48) result0: u32,
  rows: array<vec4<u32>, 16>,
}
struct Row {
  token: i32,
  chain: u32,
  pos: u32,
  n_shared: u32,
  gap: i32,
  span_row: u32,
  span_pos: u32,
  asked: i32,
  seed_low: u32,
  seed_high: u32,
  inv_temperature: f32,
  min_p_log: f32,
}
struct Result {
  token: i32,
  log_p_best: f32,
  log_p_asked: f32,
  logit: f32,
}
// A slice of a matrix and what is added to the product with it.
struct Slice {
  row0: u32,
  n_rows: u32,
  y_stride: u32,
  lora_rank: u32,
  @size(16) pair_end: vec2<u32>, // of pairs 0 and 1, in the slice
  lora_scale: vec4<f32>,
}
