// Blocks of x as integers in workgroup memory, X_BLOCKS of them; eight threads make a block, four
// columns each, as with one row all threads wait for them: for its largest one barrier more,
// of a tenth of the work that a thread with a whole block has before it. The same integers as
// staged_int.wgsl's. Follows parts_int.wgsl.
const STAGES = true;
var<workgroup> xs: array<vec2<u32>, X_BLOCKS * 8u>;      // high bytes, low bytes
var<workgroup> block_tops: array<f32, X_BLOCKS * 8u>;          // the largest of four columns
var<workgroup> totals: array<i32, X_BLOCKS * 8u>;        // their sum
var<workgroup> scales: array<f32, X_BLOCKS>;
var<workgroup> half_squares: array<f32, X_BLOCKS * 2u>;

// m_n rows of x from m0 on, nb blocks from b0 on; by `team` threads.
fn stage_rows(t: u32, team: u32, m0: u32, m_n: u32, b0: u32, nb: u32, seg: u32) {
  let n = m_n * nb * 8u;
  var mine: vec4<f32>;
  for (var i = t; i < n; i += team) {
    let m = i / (nb * 8u);
    let b = i / 8u % nb;
    let v = x_vec(m0 + m, b0 + b, i % 8u);
    if (i == t) {
      mine = v;
    }
    let top = abs(v);
    block_tops[(m * seg + b) * 8u + i % 8u] = max(max(top.x, top.y), max(top.z, top.w));
  }
  if (NORM != 0u) { // by the other threads, as far as there are some
    for (var i = team - 1u - t; i < m_n * nb * 2u; i += team) {
      let m = i / (nb * 2u);
      let b = i / 2u % nb;
      half_squares[(m * seg + b) * 2u + i % 2u] = x_squares(m0 + m, b0 + b, i % 2u);
    }
  }
  workgroupBarrier();
  for (var i = t; i < n; i += team) {
    let m = i / (nb * 8u);
    let b = i / 8u % nb;
    let at = m * seg + b;
    var v = mine;
    if (i != t) {
      v = x_vec(m0 + m, b0 + b, i % 8u);
    }
    var top = block_tops[at * 8u];
    for (var j = 1u; j < 8u; j++) {
      top = max(top, block_tops[at * 8u + j]);
    }
    let up = select(0.0, MOST / top, top > 1e-30);
    let ints = vec4<i32>(round(v * up));
    xs[at * 8u + i % 8u] = vec2<u32>(high_bytes(ints), pack4xI8(ints));
    totals[at * 8u + i % 8u] = (ints.x + ints.y) + (ints.z + ints.w);
    if (i % 8u == 0u) {
      scales[at] = top / MOST;
    }
  }
}
fn x_at(i: u32, m: u32, b: u32) -> XPart {
  let at = i * 8u;
  let w0 = xs[at];
  let w1 = xs[at + 1u];
  let w2 = xs[at + 2u];
  let w3 = xs[at + 3u];
  let w4 = xs[at + 4u];
  let w5 = xs[at + 5u];
  let w6 = xs[at + 6u];
  let w7 = xs[at + 7u];
  let scale = scales[i];
  let low = (totals[at] + totals[at + 1u]) + (totals[at + 2u] + totals[at + 3u]);
  let high = (totals[at + 4u] + totals[at + 5u]) + (totals[at + 6u] + totals[at + 7u]);
  let both = half_squares[2u * i] + half_squares[2u * i + 1u];
  return XInts(vec4<u32>(w0.x, w1.x, w2.x, w3.x), vec4<u32>(w4.x, w5.x, w6.x, w7.x),
               vec4<u32>(w0.y, w1.y, w2.y, w3.y), vec4<u32>(w4.y, w5.y, w6.y, w7.y),
               vec4<f32>(scale, sums_of(scale, f32(low), f32(high)), both));
}
