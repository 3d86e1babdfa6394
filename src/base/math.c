/* See math.h. Plain Taylor and atanh series on a reduced argument: the terms are written as
 * their exact fractions, so every constant can be checked by eye. */
#include "base/math.h"

/* inverse_factorial[n] = 1 / n! */
static const f64 inverse_factorial[18] = {
    1.0,
    1.0,
    1.0 / 2,
    1.0 / 6,
    1.0 / 24,
    1.0 / 120,
    1.0 / 720,
    1.0 / 5040,
    1.0 / 40320,
    1.0 / 362880,
    1.0 / 3628800,
    1.0 / 39916800,
    1.0 / 479001600,
    1.0 / 6227020800,
    1.0 / 87178291200,
    1.0 / 1307674368000,
    1.0 / 20922789888000,
    1.0 / 355687428096000,
};

static const f64 ln2 = 0.693147180559945309417;
/* ln 2 and pi/2 cut into parts whose products with a small integer are exact */
static const f64 ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
static const f64 half_pi_1 = 0x1.921fb54400000p+0;  /* first 33 bits */
static const f64 half_pi_2 = 0x1.0b4611a600000p-34; /* next 33 bits */
static const f64 half_pi_3 = 0x1.3198a2e037073p-69; /* the rest */

static f64 f64_from_bits(u64 bits) { return __builtin_bit_cast(f64, bits); }
static u64 f64_to_bits(f64 x) { return __builtin_bit_cast(u64, x); }

/* Nearest integer of |x| < 2^51, ties to even: adding 1.5 * 2^52 leaves no fraction bits. */
static f64 nearest(f64 x) {
  const f64 shift = 0x1.8p52;
  volatile f64 moved = x + shift; /* keeps a compiler from cancelling the two additions */
  return moved - shift;
}

/* x * 2^k for k that may leave the exponent's range: two steps. */
static f64 scale(f64 x, i32 k) {
  i32 half = k / 2;
  return x * f64_from_bits((u64)(1023 + half) << 52) *
         f64_from_bits((u64)(1023 + (k - half)) << 52);
}

f64 math_exp(f64 x) {
  if (x != x) return x;
  if (x > 709.79) return __builtin_inf();
  if (x < -745.2) return 0;
  f64 k = nearest(x / ln2);
  f64 r = (x - k * ln2_high) - k * ln2_low; /* |r| <= ln2 / 2 */
  f64 sum = 0;
  for (i32 n = 14; n >= 0; n--) sum = sum * r + inverse_factorial[n];
  return scale(sum, (i32)k);
}

f64 math_log(f64 x) {
  if (!(x >= 0)) return __builtin_nan("");
  if (x == 0) return -__builtin_inf();
  if (x > 0x1.fffffffffffffp1023) return x;
  i32 k = 0;
  if (x < 0x1p-1022) x *= 0x1p54, k = -54;
  u64 bits = f64_to_bits(x);
  k += (i32)(bits >> 52) - 1023;
  f64 m = f64_from_bits((bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u); /* [1, 2) */
  if (m > 1.41421356237309504880) m *= 0.5, k++;
  f64 s = (m - 1) / (m + 1); /* log m = 2 atanh s, |s| <= 0.172 */
  f64 s2 = s * s, sum = 0;
  for (i32 n = 23; n >= 3; n -= 2) sum = (sum + 1.0 / (f64)n) * s2;
  return (f64)k * ln2_high + (2 * s + (2 * s * sum + (f64)k * ln2_low));
}

f64 math_pow(f64 x, f64 y) { return y == 0 ? 1 : math_exp(y * math_log(x)); }

void math_sincos(f64 x, f64 *sin_x, f64 *cos_x) {
  if (!(x >= -0x1p20 && x <= 0x1p20)) {
    *sin_x = *cos_x = __builtin_nan("");
    return;
  }
  f64 n = nearest(x * (2 / 3.14159265358979323846));
  f64 r = ((x - n * half_pi_1) - n * half_pi_2) - n * half_pi_3; /* |r| <= pi / 4 */
  f64 r2 = r * r, s = 0, c = 0;
  for (i32 i = 16; i >= 0; i -= 2) {
    s = inverse_factorial[i + 1] - r2 * s;
    c = inverse_factorial[i] - r2 * c;
  }
  s *= r;
  switch ((i64)n & 3) {
    case 0: *sin_x = s, *cos_x = c; break;
    case 1: *sin_x = c, *cos_x = -s; break;
    case 2: *sin_x = -s, *cos_x = -c; break;
    default: *sin_x = -c, *cos_x = s; break;
  }
}
