// Types of 32-blocks: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, by number as in gguf.h.
override TYPE: u32;
fn ints_at(row_at: u32, block: u32) -> Ints {
  var v: Ints;
  if (TYPE == 8u) {
    let at = row_at + block * 34u;
    for (var i = 0u; i < 8u; i++) {
      v.q[i] = word(at + 2u + 4u * i);
    }
    v.s = vec4<f32>(half_at(at), 0.0, half_at(at), 0.0);
    return v;
  }
  let five = TYPE >= 6u;
  let with_min = (TYPE & 1u) == 1u; // Q4_1 is 3, Q5_1 is 7
  let head = select(2u, 4u, with_min);
  let at = row_at + block * (head + 16u + select(0u, 4u, five));
  let d = half_at(at);
  var minimum = select(0.0, -8.0 * d, TYPE == 2u);
  if (with_min) {
    minimum = half_at(at + 2u);
  }
  v.s = vec4<f32>(d, minimum, d, minimum);
  var fifth = 0u;
  if (five) {
    fifth = word(at + head);
  }
  let nibbles = at + head + select(0u, 4u, five);
  for (var i = 0u; i < 8u; i++) {
    var q = word(nibbles + 4u * (i & 3u));
    q = (q >> select(0u, 4u, i >= 4u)) & 0x0F0F0F0Fu;
    let bits = (fifth >> (4u * i)) & 15u;
    if (TYPE == 6u) {
      q |= spread(15u - bits) * 0xF0u; // q - 16 as a signed byte
    } else {
      q |= spread(bits) << 4u;
    }
    v.q[i] = q;
  }
  return v;
}
