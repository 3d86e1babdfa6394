// Attention of one row and query head a workgroup, with rotary positions and the row's place in
// the cache: q . k over all keys up to the row, online softmax, WG keys at a time. Keys before the
// row's span lie in the cache (rotated), the span's own in qkv (rotated here). What attention_lanes
// and attention_quad share; which of them runs an opened model was measured.
// source Milakov & Gimelshein 2018, arXiv:1805.02867 (online softmax); Su et al. 2021 (rope)
// Sums run in the order of positions, whatever the pass: see README.md.
override N_HEADS: u32;
override N_KV: u32;
override D_HEAD: u32; // a multiple of 8, at most 256
override D_ROPE: u32;
override SCALE: f32;
override WG: u32 = 256u; // a multiple of 16, at least D_HEAD / 4
override GROUP: u32 = N_HEADS / N_KV;
override D4: u32 = D_HEAD / 4u;
override PAIRS: u32 = D_ROPE / 2u;
override PARTS: u32 = WG / D4;                        // threads that share a value's columns
override ROW4: u32 = (N_HEADS + 2u * N_KV) * D4;
@group(0) @binding(0) var<uniform> slot: Pass;
@group(0) @binding(1) var<storage, read> records: array<Row>;
@group(0) @binding(2) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> rope: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> kv: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
var<workgroup> q: array<vec4<f32>, D4 + 8u>; // zeros at the end
var<workgroup> weights: array<f32, WG>;
var<workgroup> mixes: array<vec4<f32>, WG>;

// cos and sin of pair i at position pos; 1, 0 past the rotated columns.
fn rotation(pos: u32, i: u32) -> vec2<f32> {
  return select(vec2<f32>(1.0, 0.0), rope[pos * PAIRS + min(i, PAIRS - 1u)], i < PAIRS);
}
// Columns 4 i .. 4 i + 3 of a head at position pos.
fn rotated(a: vec4<f32>, pos: u32, i: u32) -> vec4<f32> {
  let c = rotation(pos, 2u * i);
  let d = rotation(pos, 2u * i + 1u);
  return vec4<f32>(fma(a.x, c.x, -(a.y * c.y)), fma(a.x, c.y, a.y * c.x),
                   fma(a.z, d.x, -(a.w * d.y)), fma(a.z, d.y, a.w * d.x));
}
fn slot_of(row: Row, pos: u32) -> u32 {
  return select(u32(i32(pos) + row.gap), pos, pos < row.n_shared);
}
// The workgroup's query into q[]; the first of a group's heads puts the row's k and v into the cache.
fn row_begin(row: Row, i_row: u32, head: u32, t: u32) {
  let kv_head = head / GROUP;
  let planes = N_KV * slot.kv_ctx * D4;
  if (t < D4) {
    q[t] = rotated(qkv[i_row * ROW4 + head * D4 + t], row.pos, t);
    if (head % GROUP == 0u) {
      let first = i_row * ROW4 + (N_HEADS + kv_head) * D4 + t;
      let to = (kv_head * slot.kv_ctx + slot_of(row, row.pos)) * D4 + t;
      kv[to] = rotated(qkv[first], row.pos, t);
      kv[planes + to] = qkv[first + N_KV * D4];
    }
  }
  workgroupBarrier();
}
// The threads' parts of the values, first to last, over the sum of the weights.
fn row_end(mix: vec4<f32>, total: f32, row: u32, head: u32, t: u32) {
  mixes[t] = mix;
  workgroupBarrier();
  if (t < D4) {
    var sum = mixes[t];
    for (var i = 1u; i < PARTS; i++) {
      sum += mixes[i * D4 + t];
    }
    out[(slot.row0 + row) * N_HEADS * D4 + head * D4 + t] = sum / total;
  }
}
