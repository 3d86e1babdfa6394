// Attention with workgroup memory alone: a thread a key, then a thread a part of the keys and four
// columns of the values. Follows attention.wgsl.
override LANES: u32 = WG / 16u;
override PART_KEYS: u32 = (WG + PARTS - 1u) / PARTS; // keys of a round each part sums
var<workgroup> lanes: array<f32, WG>;
var<workgroup> joined: array<f32, 16>;
// Reads go out eight at a time: a thread that waits for each would wait most of its life. Past the
// head's end q is 0, so what is read there adds nothing.
fn score(row: Row, kv_head: u32, pos: u32) -> f32 {
  var even = vec4<f32>();
  var odd = vec4<f32>();
  let own = pos >= row.span_pos;
  let cached = (kv_head * slot.kv_ctx + slot_of(row, pos)) * D4;
  let here = (row.span_row + pos - row.span_pos) * ROW4 + (N_HEADS + kv_head) * D4;
  for (var i = 0u; i < D4; i += 8u) {
    let i0 = i;
    let i1 = min(i + 1u, D4 - 1u);
    let i2 = min(i + 2u, D4 - 1u);
    let i3 = min(i + 3u, D4 - 1u);
    let i4 = min(i + 4u, D4 - 1u);
    let i5 = min(i + 5u, D4 - 1u);
    let i6 = min(i + 6u, D4 - 1u);
    let i7 = min(i + 7u, D4 - 1u);
    var k0: vec4<f32>;
    var k1: vec4<f32>;
    var k2: vec4<f32>;
    var k3: vec4<f32>;
    var k4: vec4<f32>;
    var k5: vec4<f32>;
    var k6: vec4<f32>;
    var k7: vec4<f32>;
    if (own) {
      k0 = rotated(qkv[here + i0], pos, i0);
      k1 = rotated(qkv[here + i1], pos, i1);
      k2 = rotated(qkv[here + i2], pos, i2);
      k3 = rotated(qkv[here + i3], pos, i3);
      k4 = rotated(qkv[here + i4], pos, i4);
      k5 = rotated(qkv[here + i5], pos, i5);
      k6 = rotated(qkv[here + i6], pos, i6);
      k7 = rotated(qkv[here + i7], pos, i7);
    } else {
      k0 = kv[cached + i0];
      k1 = kv[cached + i1];
      k2 = kv[cached + i2];
      k3 = kv[cached + i3];
      k4 = kv[cached + i4];
      k5 = kv[cached + i5];
      k6 = kv[cached + i6];
      k7 = kv[cached + i7];
    }
    even = fma(q[i], k0, even);
    odd = fma(q[i + 1u], k1, odd);
    even = fma(q[i + 2u], k2, even);
    odd = fma(q[i + 3u], k3, odd);
    even = fma(q[i + 4u], k4, even);
    odd = fma(q[i + 5u], k5, odd);
    even = fma(q[i + 6u], k6, even);
    odd = fma(q[i + 7u], k7, odd);
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
fn weight_at(pos: u32, to: u32, key0: u32) -> vec4<f32> {
  return vec4<f32>(select(0.0, weights[min(pos - key0, WG - 1u)], pos < to));
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32) {
  let head = group.x;
  let kv_head = head / GROUP;
  let i_row = slot.rows[group.y >> 2u][group.y & 3u];
  let row = records[slot.record0 + i_row];
  let planes = N_KV * slot.kv_ctx * D4; // first keys to values
  row_begin(row, i_row, head, t);
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
      // eight reads at a time again; past the end the last one, weight 0
      let at = planes + kv_head * slot.kv_ctx * D4 + col;
      let to_cached = min(to, row.span_pos);
      for (var pos = first; pos < to_cached; pos += 8u) {
        let v0 = kv[at + slot_of(row, pos) * D4];
        let v1 = kv[at + slot_of(row, min(pos + 1u, to_cached - 1u)) * D4];
        let v2 = kv[at + slot_of(row, min(pos + 2u, to_cached - 1u)) * D4];
        let v3 = kv[at + slot_of(row, min(pos + 3u, to_cached - 1u)) * D4];
        let v4 = kv[at + slot_of(row, min(pos + 4u, to_cached - 1u)) * D4];
        let v5 = kv[at + slot_of(row, min(pos + 5u, to_cached - 1u)) * D4];
        let v6 = kv[at + slot_of(row, min(pos + 6u, to_cached - 1u)) * D4];
        let v7 = kv[at + slot_of(row, min(pos + 7u, to_cached - 1u)) * D4];
        mix = fma(weight_at(pos, to_cached, key0), v0, mix);
        mix = fma(weight_at(pos + 1u, to_cached, key0), v1, mix);
        mix = fma(weight_at(pos + 2u, to_cached, key0), v2, mix);
        mix = fma(weight_at(pos + 3u, to_cached, key0), v3, mix);
        mix = fma(weight_at(pos + 4u, to_cached, key0), v4, mix);
        mix = fma(weight_at(pos + 5u, to_cached, key0), v5, mix);
        mix = fma(weight_at(pos + 6u, to_cached, key0), v6, mix);
        mix = fma(weight_at(pos + 7u, to_cached, key0), v7, mix);
      }
      let own = row.span_row * ROW4 + (N_HEADS + N_KV + kv_head) * D4 + col;
      for (var pos = max(first, row.span_pos); pos < to; pos += 4u) {
        let v0 = qkv[own + (pos - row.span_pos) * ROW4];
        let v1 = qkv[own + (min(pos + 1u, to - 1u) - row.span_pos) * ROW4];
        let v2 = qkv[own + (min(pos + 2u, to - 1u) - row.span_pos) * ROW4];
        let v3 = qkv[own + (min(pos + 3u, to - 1u) - row.span_pos) * ROW4];
        mix = fma(weight_at(pos, to, key0), v0, mix);
        mix = fma(weight_at(pos + 1u, to, key0), v1, mix);
        mix = fma(weight_at(pos + 2u, to, key0), v2, mix);
        mix = fma(weight_at(pos + 3u, to, key0), v3, mix);
      }
    }
  }
  row_end(mix, total, group.y, head, t);
}
