// x[i] = the embedding of row i's token, from any weight format: a thread a block of 32. Where the
// matrix lies in slices, each dispatch writes the rows whose token it has.
override COLS: u32;
override N_BLOCKS: u32 = COLS / 32u;
@group(0) @binding(0) var<uniform> slot: Pass;
@group(0) @binding(1) var<uniform> slice: Slice;
@group(0) @binding(2) var<storage, read> wq: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> ws: array<u32>;
@group(0) @binding(4) var<storage, read> records: array<Row>;
@group(0) @binding(5) var<storage, read> results: array<Result>;
@group(0) @binding(6) var<storage, read_write> x: array<vec4<f32>>;
fn wq_at(i: u32) -> vec4<u32> {
  return wq[i];
}
fn ws_at(i: u32) -> u32 {
  return ws[i];
}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let record = slot.record0 + id.y;
  var token = u32(records[record].token);
  if (records[record].token < 0) {
    token = u32(results[records[record].chain].token);
  }
  if (id.x < N_BLOCKS && token >= slice.row0 && token < slice.row0 + slice.n_rows) {
    let w = block_at((token - slice.row0) * N_BLOCKS + id.x);
    let at = (id.y * N_BLOCKS + id.x) * 8u;
    x[at] = fma(w.s.xxxx, w.q0, w.s.yyyy);
    x[at + 1u] = fma(w.s.xxxx, w.q1, w.s.yyyy);
    x[at + 2u] = fma(w.s.xxxx, w.q2, w.s.yyyy);
    x[at + 3u] = fma(w.s.xxxx, w.q3, w.s.yyyy);
    x[at + 4u] = fma(w.s.zzzz, w.q4, w.s.wwww);
    x[at + 5u] = fma(w.s.zzzz, w.q5, w.s.wwww);
    x[at + 6u] = fma(w.s.zzzz, w.q6, w.s.wwww);
    x[at + 7u] = fma(w.s.zzzz, w.q7, w.s.wwww);
  }
}
