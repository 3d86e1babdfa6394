// F32, F16, BF16, by number as in gguf.h: the bits of value i of a row as f32.
override TYPE: u32;
fn value_at(row_at: u32, i: u32) -> u32 {
  if (TYPE == 0u) {
    return word(row_at + 4u * i);
  }
  if (TYPE == 1u) {
    return bitcast<u32>(half_at(row_at + 2u * i));
  }
  return half_bits(row_at + 2u * i) << 16u;
}
