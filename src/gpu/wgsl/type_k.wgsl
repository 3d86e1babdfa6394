// Types of 256-blocks, eight groups of 32: Q4_K, Q5_K, Q6_K, by number as in gguf.h.
override TYPE: u32;
fn ints_at(row_at: u32, block: u32) -> Ints {
  var v: Ints;
  let g = block % 8u;
  if (TYPE == 14u) {
    let at = row_at + block / 8u * 210u;
    let row = g % 4u;
    let low = at + g / 4u * 64u + row % 2u * 32u;
    let top = at + 128u + g / 4u * 32u;
    for (var i = 0u; i < 8u; i++) {
      let bits = (word(top + 4u * i) >> (2u * row)) & 0x03030303u;
      let q = (word(low + 4u * i) >> (row / 2u * 4u)) & 0x0F0F0F0Fu;
      let small = ~(bits >> 1u) & 0x01010101u; // q < 32: q - 32 as a signed byte
      v.q[i] = q | ((bits & 0x01010101u) << 4u) | (small * 0xE0u);
    }
    let d = half_at(at + 208u);
    let scales = at + 192u + 2u * g;
    v.s = vec4<f32>(d * signed_byte(scales), 0.0, d * signed_byte(scales + 1u), 0.0);
    return v;
  }
  let five = TYPE == 13u;
  let at = row_at + block / 8u * select(144u, 176u, five);
  let nibbles = at + select(16u, 48u, five) + g / 2u * 32u;
  for (var i = 0u; i < 8u; i++) {
    var q = (word(nibbles + 4u * i) >> (4u * (g & 1u))) & 0x0F0F0F0Fu;
    if (five) {
      q |= ((word(at + 16u + 4u * i) >> g) & 0x01010101u) << 4u;
    }
    v.q[i] = q;
  }
  let s = at + 4u;
  var scale = byte(s + g) & 63u;
  var minimum = byte(s + g + 4u) & 63u;
  if (g >= 4u) {
    scale = (byte(s + g + 4u) & 15u) | ((byte(s + g - 4u) >> 6u) << 4u);
    minimum = (byte(s + g + 4u) >> 4u) | ((byte(s + g) >> 6u) << 4u);
  }
  let d = half_at(at) * f32(scale);
  let m = -(half_at(at + 2u) * f32(minimum));
  v.s = vec4<f32>(d, m, d, m);
  return v;
}
