/* What is kept of each place: nf_breaker's states, nf_latency beside the exact quantiles. */
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "cmocka_all.h"

static void the_breaker_opens_and_closes(void **state) {
  (void)state;
  nf_breaker b = {.failures_max = 3, .pause_ms = 100};
  i64 era, old, wait_ms;
#define TRY(at, outcome)                                \
  assert_true(nf_breaker_take(&b, at, &era, &wait_ms)); \
  nf_breaker_give(&b, era, outcome, at)
  for (int i = 0; i < 10; i++) { /* never three in a row */
    TRY(i, i % 3 == 2 ? NF_TRY_OK : NF_TRY_FAILED);
  }
  TRY(10, NF_TRY_OK);
  assert_true(nf_breaker_take(&b, 11, &old, &wait_ms));
  TRY(11, NF_TRY_FAILED);
  TRY(12, NF_TRY_NEUTRAL); /* says nothing */
  TRY(13, NF_TRY_FAILED);
  TRY(14, NF_TRY_FAILED);
  assert_int_equal(b.state, NF_BREAKER_OPEN);
  assert_false(nf_breaker_take(&b, 113, &era, &wait_ms));
  assert_int_equal(wait_ms, 1);
  nf_breaker_give(&b, old, NF_TRY_OK, 113); /* begun before: the state is not its business */
  assert_int_equal(b.state, NF_BREAKER_OPEN);
  assert_true(nf_breaker_take(&b, 114, &era, &wait_ms));
  assert_int_equal(b.state, NF_BREAKER_HALF_OPEN);
  assert_false(nf_breaker_take(&b, 114, &old, &wait_ms));
  nf_breaker_give(&b, era, NF_TRY_NEUTRAL, 115); /* its client went: another may try */
  TRY(116, NF_TRY_FAILED);
  assert_false(nf_breaker_take(&b, 116 + 199, &era, &wait_ms));
  for (int i = 0; i < 10; i++) { /* twice as long each time, up to 32 times */
    i64 at = b.until_ms;
    TRY(at, NF_TRY_FAILED);
    assert_true(b.until_ms - at <= 3200);
  }
  assert_int_equal(b.n_opened, 12);
  i64 at = b.until_ms;
  TRY(at, NF_TRY_OK);
  assert_int_equal(b.state, NF_BREAKER_CLOSED);
  TRY(at, NF_TRY_FAILED);
  assert_int_equal(b.state, NF_BREAKER_CLOSED);
}

static void a_breaker_says_what_a_try_would_meet(void **state) {
  (void)state;
  nf_breaker b = {.failures_max = 1, .pause_ms = 100};
  i64 era, wait_ms;
  assert_int_equal(nf_breaker_state_at(&b, 0), NF_BREAKER_CLOSED);
  TRY(0, NF_TRY_FAILED);
  assert_int_equal(nf_breaker_state_at(&b, 99), NF_BREAKER_OPEN);
  assert_int_equal(nf_breaker_state_at(&b, 100), NF_BREAKER_HALF_OPEN);
  assert_true(nf_breaker_take(&b, 100, &era, &wait_ms));
  assert_int_equal(nf_breaker_state_at(&b, 101), NF_BREAKER_OPEN); /* one try at a time */
  nf_breaker_give(&b, era, NF_TRY_OK, 120);
  assert_int_equal(nf_breaker_state_at(&b, 120), NF_BREAKER_CLOSED);
}

static u64 seed = 1;
static f64 unit(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (f64)(seed >> 11) * 0x1p-53;
}
/* Log-normal: median, sigma. Box and Muller. */
static f64 log_normal(f64 median, f64 sigma) {
  f64 normal = sqrt(-2 * log(1 - unit())) * cos(6.283185307179586 * unit());
  return median * exp(sigma * normal);
}
static int by_value(const void *a, const void *b) {
  f64 x = *(const f64 *)a, y = *(const f64 *)b;
  return (x > y) - (x < y);
}

/* The sketch forgets, so it is compared with the quantiles of what it still weighs: weights of
 * (63/64)^age over the exact values. */
static void quantiles_are_within_a_bucket(void **state) {
  (void)state;
  enum { N = 600 };
  for (int round = 0; round < 40; round++) {
    nf_latency l = {0};
    f64 median = exp(unit() * 10 - 2), sigma = unit() * 1.2;
    f64 values[N][2];
    for (int i = 0; i < N; i++) {
      values[i][0] = fmin(fmax(log_normal(median, sigma), 0.0625), 65535);
      values[i][1] = pow(63.0 / 64, N - 1 - i);
      nf_latency_add(&l, values[i][0]);
    }
    qsort(values, N, sizeof values[0], by_value);
    for (int k = 1; k < 20; k++) {
      f64 share = k / 20.0, left = share * 64, exact = values[N - 1][0];
      for (int i = 0; i < N; i++) {
        left -= values[i][1];
        if (left > 0) continue;
        exact = values[i][0];
        break;
      }
      f64 got = nf_latency_quantile(&l, share);
      assert_true(got > exact / 1.0906 && got < exact * 1.0906); /* a bucket is 2^(1/8) */
    }
  }
}

static void what_is_no_duration_is_not_counted(void **state) {
  (void)state;
  nf_latency l = {0};
  assert_true(nf_latency_quantile(&l, 0.5) == 0 && nf_latency_late(&l) == 0);
  nf_latency_add(&l, NAN);
  nf_latency_add(&l, 0);
  nf_latency_add(&l, -5);
  assert_int_equal(l.n, 0);
  nf_latency_add(&l, INFINITY);
  nf_latency_add(&l, 1e-300);
  assert_int_equal(l.n, 2);
  assert_true(isfinite(l.mean) && isfinite(l.deviation));
  assert_true(nf_latency_quantile(&l, 0.99) <= 65536);
  assert_true(nf_latency_quantile(&l, 0.01) >= 0.0625);
  assert_true(nf_latency_quantile(&l, NAN) == 0);
  assert_true(nf_latency_late(&l) == 0); /* too few to say */
}

static void lateness_rises_at_once_and_is_soon_forgotten(void **state) {
  (void)state;
  nf_latency l = {0};
  for (int i = 0; i < 200; i++) nf_latency_add(&l, log_normal(100, 0.1));
  f64 calm = nf_latency_late(&l);
  assert_true(calm > 105 && calm < 130); /* e^(1.645 x 0.1) = 1.18 */
  for (int i = 0; i < 8; i++) nf_latency_add(&l, 1000);
  assert_true(nf_latency_late(&l) > 900 && l.mean > 600);
  for (int i = 0; i < 40; i++) nf_latency_add(&l, log_normal(100, 0.1));
  assert_true(nf_latency_quantile(&l, 0.95) > 900); /* the sketch alone still remembers */
  assert_true(nf_latency_late(&l) < 1.4 * calm);
}

static void what_is_old_gives_way_to_what_is_new(void **state) {
  (void)state;
  nf_latency l = {0}, half;
  for (int i = 0; i < 200; i++) nf_latency_add(&l, 3000);
  half = l;
  nf_latency_fade(&l, 0.05);
  assert_true(l.mean == 3000 && nf_latency_late(&l) > 2900); /* until there is something new */
  nf_latency_add(&l, 300);
  assert_true(l.mean < 450);
  for (int i = 0; i < 5; i++) nf_latency_add(&l, 300);
  assert_true(nf_latency_late(&l) < 1000 && nf_latency_quantile(&l, 0.5) < 320);
  nf_latency_fade(&half, 0.5);
  nf_latency_fade(&half, NAN);
  nf_latency_fade(&half, 2);
  nf_latency_add(&half, 1000);
  assert_true(fabs(half.mean - 2000) < 1e-9);
  nf_latency_fade(&half, -3);
  nf_latency_add(&half, 10);
  assert_true(fabs(half.mean - 10) < 1e-9 && fabs(nf_latency_quantile(&half, 0.99) - 10) < 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_breaker_opens_and_closes),
      cmocka_unit_test(a_breaker_says_what_a_try_would_meet),
      cmocka_unit_test(quantiles_are_within_a_bucket),
      cmocka_unit_test(what_is_no_duration_is_not_counted),
      cmocka_unit_test(lateness_rises_at_once_and_is_soon_forgotten),
      cmocka_unit_test(what_is_old_gives_way_to_what_is_new),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
