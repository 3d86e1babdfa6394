/* See score.h. Plain loops that the compiler turns into SIMD; no libm. */
#include "edit/score.h"

/* exp(x) for x <= 0: 2^i * p(f), p a degree 5 fit of 2^f on [-0.5, 0.5] (Taylor, error < 3e-6);
 * below -80 the result is 0. */
static inline f32 exp_negative(f32 x) {
  x = x < -80.0f ? -80.0f : x;
  f32 t = x * 1.44269504f;
  i32 i = (i32)(t - 0.5f);
  f32 f = (t - (f32)i) * 0.69314718f;
  f32 p = 1.0f + f * (1.0f + f * (0.5f + f * (0.16666667f + f * (0.041666667f + f * 0.0083333f))));
  return p * f32_from_bits((u32)((i + 127) << 23));
}

/* log(x) for x >= 1: exponent plus the series of atanh, error < 1e-6. */
static f32 log_positive(f64 x) {
  u64 bits = __builtin_bit_cast(u64, x);
  i32 exponent = (i32)(bits >> 52) - 1023;
  f64 m = __builtin_bit_cast(f64, (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
  f64 z = (m - 1) / (m + 1), z2 = z * z;
  f64 series =
      z * (2 + z2 * (2.0 / 3 + z2 * (2.0 / 5 + z2 * (2.0 / 7 + z2 * (2.0 / 9 + z2 * (2.0 / 11))))));
  return (f32)(exponent * 0.6931471805599453 + series);
}

f32 score_log_p(const f32 *logits, isize n, i32 id) {
  f32 top = logits[0];
  for (isize i = 1; i < n; i++) top = logits[i] > top ? logits[i] : top;
  f32 lanes[16] = {};
  isize i = 0;
  for (; i + 16 <= n; i += 16) {
    for (isize k = 0; k < 16; k++) lanes[k] += exp_negative(logits[i + k] - top);
  }
  f64 sum = 0;
  for (; i < n; i++) sum += (f64)exp_negative(logits[i] - top);
  for (isize k = 0; k < 16; k++) sum += (f64)lanes[k];
  return logits[id] - top - log_positive(sum);
}
