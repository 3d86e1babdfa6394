/* The table "relaxed32": kernel_body.inc with the flags of kernel/CMakeLists.txt; and whether its
 * dot is made of several instructions here. */
#define K_TABLE k_table_relaxed32
#define K_NAME "relaxed32"
#include "kernel/kernel_body.inc"

/* On x86 without VEX VNNI engines sum pairs in 16 bits first, which saturate where an operand has
 * all its 8 bits: 2 * 255 * -128. One instruction (VNNI, NEON) has no such sums. */
bool k_relaxed32_in_parts(void) {
  constexpr i32 saturated = 2 * -32768;
  static const u8 whole[16] = {255, 255, 255, 255, 255, 255, 255, 255,
                               255, 255, 255, 255, 255, 255, 255, 255};
  static const i8 least[4] = {-128, -128, -128, -128};
  i32 sums[SIMD_LANES];
  i_store(sums, acc_end(acc_dot(acc_start(0), w_load(whole), x_splat((const u8 *)least)), 0));
  return sums[0] == saturated;
}
