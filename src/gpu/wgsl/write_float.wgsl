// Into GPU_F32, or from F16 into GPU_F16 (WIDE 0), from types of single values.
override WIDE: u32;
fn write(row_at: u32, block: u32, to: u32) {
  if (WIDE == 0u) {
    for (var i = 0u; i < 16u; i++) {
      wq[16u * to + i] = word(row_at + 64u * block + 4u * i);
    }
  } else {
    for (var i = 0u; i < 32u; i++) {
      wq[32u * to + i] = value_at(row_at, 32u * block + i);
    }
  }
}
