// Into GPU_N4H (WIDE 0) or GPU_N4F (WIDE 1).
override WIDE: u32;
fn write(row_at: u32, block: u32, to: u32) {
  var v = ints_at(row_at, block);
  for (var i = 0u; i < 4u; i++) {
    wq[4u * to + i] = v.q[i] | (v.q[i + 4u] << 4u);
  }
  if (WIDE == 0u) {
    ws[to] = half_of_f32(v.s.x) | (half_of_f32(v.s.y) << 16u);
  } else {
    ws[2u * to] = bitcast<u32>(v.s.x);
    ws[2u * to + 1u] = bitcast<u32>(v.s.y);
  }
}
