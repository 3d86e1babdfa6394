// Attention with subgroups: four neighbouring lanes share a key, so that they read it side by side,
// and a subgroup joins its lanes without a barrier: two a round where attention_lanes has four.
// Takes it that lanes are numbered as invocations are, in subgroups of at least four; where they
// are not, the known-answer test says so. Follows attention.wgsl.
override QUADS: u32 = WG / 4u;
override QUAD4: u32 = (D4 + 3u) / 4u; // vec4 of a key that a lane has
var<workgroup> tops: array<f32, QUADS>; // of each subgroup
var<workgroup> sums: array<f32, QUADS>;

// q . k of position pos by the four lanes of a quad; each gets it.
fn quad_score(row: Row, kv_head: u32, pos: u32, lane: u32) -> f32 {
  var sum = vec4<f32>();
  if (pos >= row.span_pos) {
    let here = (row.span_row + pos - row.span_pos) * ROW4 + (N_HEADS + kv_head) * D4;
    for (var j = 0u; j < QUAD4; j++) {
      let i = 4u * j + lane; // past the end q is 0
      sum = fma(q[i], rotated(qkv[here + min(i, D4 - 1u)], pos, min(i, D4 - 1u)), sum);
    }
  } else {
    let cached = (kv_head * slot.kv_ctx + slot_of(row, pos)) * D4;
    for (var j = 0u; j < QUAD4; j++) {
      let i = 4u * j + lane;
      sum = fma(q[i], kv[cached + min(i, D4 - 1u)], sum);
    }
  }
  return (sum.x + sum.y) + (sum.z + sum.w);
}
fn quad_sum(a: f32) -> f32 {
  let pair = a + quadSwapX(a);
  return pair + quadSwapY(pair);
}
// The weight of key i of the round: lane i / QUADS of quad i % QUADS had it.
fn weight_of(pos: u32, to: u32, key0: u32) -> vec4<f32> {
  return vec4<f32>(select(0.0, weights[min(pos - key0, WG - 1u)], pos < to));
}
@compute @workgroup_size(WG) fn main(@builtin(workgroup_id) group: vec3<u32>,
                                     @builtin(local_invocation_index) t: u32,
                                     @builtin(subgroup_invocation_id) in_subgroup: u32,
                                     @builtin(subgroup_size) subgroup: u32) {
  let head = group.x;
  let kv_head = head / GROUP;
  let i_row = slot.rows[group.y >> 2u][group.y & 3u];
  let row = records[slot.record0 + i_row];
  let planes = N_KV * slot.kv_ctx * D4; // first keys to values
  row_begin(row, i_row, head, t);
  let n_keys = row.pos + 1u;
  let quad = t / 4u;
  let lane = t % 4u;
  let mine = lane * QUADS + quad; // this thread's key of a round
  let part = t / D4;
  let col = t % D4;
  let n_subgroups = (WG + subgroup - 1u) / subgroup;
  var top = -3.0e38;
  var total = 0.0;
  var mix = vec4<f32>();
  for (var key0 = 0u; key0 < n_keys; key0 += WG) {
    var s = -3.0e38;
    for (var i = 0u; i < 4u && key0 + i * QUADS < n_keys; i++) {
      let pos = min(key0 + i * QUADS + quad, n_keys - 1u);
      let one = quad_sum(quad_score(row, kv_head, pos, lane)) * SCALE;
      s = select(s, one, i == lane);
    }
    let seen = key0 + mine < n_keys;
    s = select(-3.0e38, s, seen);
    let its_top = subgroupMax(s);
    if (in_subgroup == 0u) {
      tops[t / subgroup] = its_top;
    }
    workgroupBarrier();
    var top_new = top;
    for (var i = 0u; i < n_subgroups; i++) {
      top_new = max(top_new, tops[i]);
    }
    let shrink = exp(top - top_new);
    let e = select(0.0, exp(s - top_new), seen);
    weights[mine] = e;
    let its_sum = subgroupAdd(e);
    if (in_subgroup == 0u) {
      sums[t / subgroup] = its_sum;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < n_subgroups; i++) {
      sum += sums[i];
    }
    total = fma(total, shrink, sum);
    top = top_new;
    mix *= shrink;
    if (part < PARTS) { // keys part, part + PARTS, ... of the round, four reads at a time
      let to = min(key0 + WG, n_keys);
      let to_cached = min(to, row.span_pos);
      let at = planes + kv_head * slot.kv_ctx * D4 + col;
      var pos = key0 + part;
      for (; pos < to_cached; pos += 4u * PARTS) {
        let last = to_cached - 1u;
        let v0 = kv[at + slot_of(row, pos) * D4];
        let v1 = kv[at + slot_of(row, min(pos + PARTS, last)) * D4];
        let v2 = kv[at + slot_of(row, min(pos + 2u * PARTS, last)) * D4];
        let v3 = kv[at + slot_of(row, min(pos + 3u * PARTS, last)) * D4];
        mix = fma(weight_of(pos, to_cached, key0), v0, mix);
        mix = fma(weight_of(pos + PARTS, to_cached, key0), v1, mix);
        mix = fma(weight_of(pos + 2u * PARTS, to_cached, key0), v2, mix);
        mix = fma(weight_of(pos + 3u * PARTS, to_cached, key0), v3, mix);
      }
      // its first key at or after the span's beginning
      let before = max(row.span_pos, key0 + part) - (key0 + part);
      let own = row.span_row * ROW4 + (N_HEADS + N_KV + kv_head) * D4 + col;
      for (pos = key0 + part + (before + PARTS - 1u) / PARTS * PARTS; pos < to; pos += PARTS) {
        let v = qkv[own + (pos - row.span_pos) * ROW4];
        mix = fma(weight_of(pos, to, key0), v, mix);
      }
    }
  }
  row_end(mix, total, group.y, head, t);
}
