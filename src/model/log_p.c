/* See log_p.h. */
#include "model/log_p.h"

/* exp(x) for x <= 0: 2^i * p(f), p a degree 5 fit of 2^f on [-0.5, 0.5] (Taylor, error < 3e-6);
 * below -80, and for NaN, it is that of -80. */
static inline f32 exp_negative(f32 x) {
  x = x > -80.0f ? x : -80.0f;
  f32 t = x * 1.44269504f;
  i32 i = (i32)(t - 0.5f);
  f32 f = (t - (f32)i) * 0.69314718f;
  f32 p = 1.0f + f * (1.0f + f * (0.5f + f * (0.16666667f + f * (0.041666667f + f * 0.0083333f))));
  return p * f32_from_bits((u32)((i + 127) << 23));
}

f32 log_p_exp_sum(const f32 *logits, isize n, f32 top) {
  f32 lanes[16] = {}, sum = 0;
  isize i = 0;
  for (; i + 16 <= n; i += 16) {
    for (isize k = 0; k < 16; k++) lanes[k] += exp_negative(logits[i + k] - top);
  }
  for (; i < n; i++) sum += exp_negative(logits[i] - top);
  for (isize k = 0; k < 16; k++) sum += lanes[k];
  return sum;
}
