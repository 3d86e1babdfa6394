/* Log-probabilities out of a row of logits that comes in pieces: sums of exponentials. For the
 * head step of a pass, while the piece is in the cache. Plain loops that the compiler turns into
 * SIMD; no libm. Owns nothing. Read next: forward_cpu.c. */
#pragma once
#include "base/base.h"

/* Sum over logits[n] of exp(logit - top), in an order that depends on n only. top is at least the
 * largest; what lies 80 nats below it, or is NaN, adds (almost) nothing. Relative error < 1e-5. */
f32 log_p_exp_sum(const f32 *logits, isize n, f32 top);
