// Into GPU_F32, from a quantized type.
fn write(row_at: u32, block: u32, to: u32) {
  var v = ints_at(row_at, block);
  for (var i = 0u; i < 32u; i++) {
    let q = f32(bitcast<i32>(v.q[i / 4u] << (24u - 8u * (i & 3u))) >> 24u);
    let s = select(v.s.xy, v.s.zw, i >= 16u);
    wq[32u * to + i] = bitcast<u32>(fma(s.x, q, s.y));
  }
}
