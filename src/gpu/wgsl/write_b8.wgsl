// Into GPU_B8 (WIDE 0) or GPU_B8F (WIDE 1).
override WIDE: u32;
fn write(row_at: u32, block: u32, to: u32) {
  var v = ints_at(row_at, block);
  for (var i = 0u; i < 8u; i++) {
    wq[8u * to + i] = v.q[i];
  }
  if (WIDE == 0u) {
    ws[to] = bitcast<u32>(v.s.x);
  } else {
    let bits = bitcast<vec4<u32>>(v.s);
    ws[4u * to] = bits.x;
    ws[4u * to + 1u] = bits.y;
    ws[4u * to + 2u] = bits.z;
    ws[4u * to + 3u] = bits.w;
  }
}
