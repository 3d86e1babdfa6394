/* nf_latency of nearfield.h: a stream of durations as a mean, a deviation and a sketch of fixed
 * size, all of which forget. Pure. Does not know what was measured. Read next: place.c. */
#include "base/base.h"

enum {
  OCTAVE_FIRST = -4, /* 2^-4 is the lower end of the first bucket */
  OCTAVE_BUCKETS = 8,
  LATE_N_MIN = 4,
};
constexpr f64 VALUE_MIN = 0x1p-4, VALUE_MAX = 0x1.fffffffffffffp15;
constexpr f64 MEAN_GAIN = 1.0 / 8, DEVIATION_GAIN = 1.0 / 4;
constexpr f32 KEPT = 1 - 1.0f / 64; /* of the weights, a value */
constexpr f64 LATE_SHARE = 0.95, LATE_DEVIATIONS = 4;

/* 2^(k/8): lower ends of the buckets of an octave; the last is the next octave's first. */
static const f64 STEPS[OCTAVE_BUCKETS + 1] = {1.0,
                                              1.0905077326652577,
                                              1.1892071150027210,
                                              1.2968395546510096,
                                              1.4142135623730951,
                                              1.5422108254079407,
                                              1.6817928305074290,
                                              1.8340080864093424,
                                              2.0};

/* value: in VALUE_MIN..VALUE_MAX, so a normal number */
static isize bucket_of(f64 value) {
  u64 bits = __builtin_bit_cast(u64, value);
  isize octave = (isize)(bits >> 52) - 1023; /* the sign is 0 */
  f64 mantissa = __builtin_bit_cast(f64, (bits & ((1ull << 52) - 1)) | 1023ull << 52);
  isize step = OCTAVE_BUCKETS - 1;
  while (mantissa < STEPS[step]) step--;
  return (octave - OCTAVE_FIRST) * OCTAVE_BUCKETS + step;
}

/* The value a share of the way through a bucket. */
static f64 value_in(isize bucket, f64 share) {
  isize octave = bucket / OCTAVE_BUCKETS + OCTAVE_FIRST, step = bucket % OCTAVE_BUCKETS;
  f64 scale = __builtin_bit_cast(f64, (u64)(octave + 1023) << 52);
  return scale * (STEPS[step] + share * (STEPS[step + 1] - STEPS[step]));
}

static f64 larger(f64 a, f64 b) { return a > b ? a : b; }

void nf_latency_add(nf_latency *l, double value) {
  static_assert(NF_LATENCY_BUCKETS == 20 * OCTAVE_BUCKETS, "2^-4 to 2^16");
  if (!(value > 0)) return;
  if (value < VALUE_MIN) value = VALUE_MIN;
  if (value > VALUE_MAX) value = VALUE_MAX;
  f64 doubt = l->n == 0 ? 1 : l->doubt, off = value - l->mean;
  /* what is not doubted of it, and what a first value would give */
  f64 deviation = (1 - doubt) * (off < 0 ? -off : off) + doubt * value / 2;
  l->deviation += larger(DEVIATION_GAIN, doubt) * (deviation - l->deviation);
  l->mean += larger(MEAN_GAIN, doubt) * off;
  l->doubt = 0;
  for (isize i = 0; i < NF_LATENCY_BUCKETS; i++) l->weights[i] *= KEPT * (f32)(1 - doubt);
  l->weights[bucket_of(value)] += 1;
  l->n++;
}

void nf_latency_fade(nf_latency *l, double kept) {
  if (!(kept < 1)) return;
  l->doubt = 1 - (1 - l->doubt) * larger(kept, 0);
}

double nf_latency_quantile(const nf_latency *l, double share) {
  f64 all = 0;
  isize last = -1;
  for (isize i = 0; i < NF_LATENCY_BUCKETS; i++) {
    all += l->weights[i];
    if (l->weights[i] > 0) last = i;
  }
  if (last < 0 || !(share > 0)) return 0;
  f64 left = share * all;
  for (isize i = 0; i <= last; i++) {
    f64 weight = l->weights[i];
    if (weight > 0 && left <= weight) return value_in(i, left / weight);
    left -= weight;
  }
  return value_in(last, 1);
}

double nf_latency_late(const nf_latency *l) {
  if (l->n < LATE_N_MIN) return 0;
  f64 sketched = nf_latency_quantile(l, LATE_SHARE);
  f64 bound = l->mean + LATE_DEVIATIONS * l->deviation;
  return sketched < bound ? sketched : bound;
}
