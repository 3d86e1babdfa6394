// Attention of one row and query head a workgroup, with rotary positions and the row's place in
// the cache: q . k over all keys up to the row, online softmax, WG keys at a time. Keys before the
// row's span lie in the cache (rotated), the span's own in qkv (rotated here).
// source Milakov & Gimelshein 2018, arXiv:1805.02867 (online softmax); Su et al. 2021 (rope)
// Sums run in the order of positions, whatever the pass: see README.md.
override N_HEADS: u32;
override N_KV: u32;
override D_HEAD: u32; // a multiple of 8, at most 256
override D_ROPE: u32;
override SCALE: f32;
override WG: u32 = 256u; // a multiple of 16, at least D_HEAD / 4
override LANES: u32 = WG / 16u;
override GROUP: u32 = N_HEADS / N_KV;
override D4: u32 = D_HEAD / 4u;
override PAIRS: u32 = D_ROPE / 2u;
override PARTS: u32 = WG / D4;                        // threads that share a value's columns
override PART_KEYS: u32 = (WG + PARTS - 1u) / PARTS;  // keys of a round each of them sums
override ROW4: u32 = (N_HEADS + 2u * N_KV) * D4;
@group(0) @binding(0) var<uniform> slot: Pass;
@group(0) @binding(1) var<storage, read> records: array<Row>;
@group(0) @binding(2) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> rope: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> kv: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
var<workgroup> q: array<vec4<f32>, D4>;
var<workgroup> weights: array<f32, WG>;
var<workgroup> lanes: array<f32, WG>;
var<workgroup> joined: array<f32, 16>;
var<workgroup> mixes: array<vec4<f32>, WG>;

// Columns 4 i .. 4 i + 3 of a head at position pos.
fn rotated(a: vec4<f32>, pos: u32, i: u32) -> vec4<f32> {
  var r = a;
  if (2u * i < PAIRS) {
    let cs = rope[pos * PAIRS + 2u * i];
    r.x = fma(a.x, cs.x, -(a.y * cs.y));
    r.y = fma(a.x, cs.y, a.y * cs.x);
  }
  if (2u * i + 1u < PAIRS) {
    let cs = rope[pos * PAIRS + 2u * i + 1u];
    r.z = fma(a.z, cs.x, -(a.w * cs.y));
    r.w = fma(a.z, cs.y, a.w * cs.x);
  }
  return r;
}
fn slot_of(row: Row, pos: u32) -> u32 {
  return select(u32(i32(pos) + row.gap), pos, pos < row.n_shared);
}
fn score(row: Row, kv_head: u32, pos: u32) -> f32 {
  var even = vec4<f32>();
  var odd = vec4<f32>();
  if (pos < row.span_pos) {
    let at = (kv_head * slot.kv_ctx + slot_of(row, pos)) * D4;
    for (var i = 0u; i < D4; i += 2u) {
      even = fma(q[i], kv[at + i], even);
      odd = fma(q[i + 1u], kv[at + i + 1u], odd);
    }
  } else {
    let at = (row.span_row + pos - row.span_pos) * ROW4 + (N_HEADS + kv_head) * D4;
    for (var i = 0u; i < D4; i += 2u) {
      even = fma(q[i], rotated(qkv[at + i], pos, i), even);
      odd = fma(q[i + 1u], rotated(qkv[at + i + 1u], pos, i + 1u), odd);
    }
  }
  let sum = even + odd;
  return ((sum.x + sum.y) + (sum.z + sum.w)) * SCALE;
}
// lanes[] to one value that every thread gets: sixteen parts in order, then their sixteen. Few
// barriers rather than a tree. lanes[] may be written again afterwards.
fn lanes_max(t: u32) -> f32 {
  workgroupBarrier();
  if (t < 16u) {
    var value = lanes[LANES * t];
    for (var i = 1u; i < LANES; i++) {
      value = max(value, lanes[LANES * t + i]);
    }
    joined[t] = value;
  }
  workgroupBarrier();
  var value = joined[0];
  for (var i = 1u; i < 16u; i++) {
    value = max(value, joined[i]);
  }
  return value;
}
fn lanes_sum(t: u32) -> f32 {
  workgroupBarrier();
  if (t < 16u) {
    var value = lanes[LANES * t];
    for (var i = 1u; i < LANES; i++) {
      value += lanes[LANES * t + i];
    }
    joined[t] = value;
  }
  workgroupBarrier();
  var value = joined[0];
  for (var i = 1u; i < 16u; i++) {
    value += joined[i];
  }
  return value;
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let head = group.x;
  let kv_head = head / GROUP;
  let i_row = slot.rows[group.y >> 2u][group.y & 3u];
  let row = records[slot.record0 + i_row];
  let planes = N_KV * slot.kv_ctx * D4; // first keys to values
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
  let n_keys = row.pos + 1u;
  let part = t / D4;
  let col = t % D4;
  var top = -3.0e38;
  var total = 0.0;
  var mix = vec4<f32>();
  for (var key0 = 0u; key0 < n_keys; key0 += WG) {
    let seen = key0 + t < n_keys;
    var s = -3.0e38;
    if (seen) {
      s = score(row, kv_head, key0 + t);
    }
    lanes[t] = s;
    let top_new = max(top, lanes_max(t));
    let shrink = exp(top - top_new);
    let e = select(0.0, exp(s - top_new), seen);
    weights[t] = e;
    lanes[t] = e;
    total = fma(total, shrink, lanes_sum(t));
    top = top_new;
    mix *= shrink;
    if (part < PARTS) {
      let first = key0 + part * PART_KEYS;
      let to = min(min(first + PART_KEYS, key0 + WG), n_keys);
      let at = planes + kv_head * slot.kv_ctx * D4 + col;
      for (var pos = first; pos < min(to, row.span_pos); pos++) {
        mix = fma(vec4<f32>(weights[pos - key0]), kv[at + slot_of(row, pos) * D4], mix);
      }
      let own = (N_HEADS + N_KV + kv_head) * D4 + col;
      for (var pos = max(first, row.span_pos); pos < to; pos++) {
        let from_row = row.span_row + pos - row.span_pos;
        mix = fma(vec4<f32>(weights[pos - key0]), qkv[from_row * ROW4 + own], mix);
      }
    }
  }
  mixes[t] = mix;
  workgroupBarrier();
  if (t < D4) {
    var sum = mixes[t];
    for (var i = 1u; i < PARTS; i++) {
      sum += mixes[i * D4 + t];
    }
    out[(slot.row0 + group.y) * N_HEADS * D4 + head * D4 + t] = sum / total;
  }
}
