/* Tests of base/math: against the platform's libm, over ranges and at the edges. */
#include "base/math.h"
#include "cmocka_all.h"

#include <math.h>

static u64 state_of_test = 1;
static f64 random_unit(void) {
  state_of_test = state_of_test * 6364136223846793005u + 1442695040888963407u;
  return (f64)(state_of_test >> 11) * 0x1p-53;
}
static f64 relative(f64 got, f64 want) {
  return want == 0 ? fabs(got) : fabs(got - want) / fabs(want);
}

static void exp_and_log_match_libm(void **state) {
  (void)state;
  f64 worst_exp = 0, worst_log = 0;
  for (int i = 0; i < 200000; i++) {
    f64 x = (random_unit() - 0.5) * 1400;
    worst_exp = fmax(worst_exp, relative(math_exp(x), exp(x)));
    f64 y = exp((random_unit() - 0.5) * 1400);
    worst_log = fmax(worst_log, fabs(math_log(y) - log(y)) / fmax(1e-3, fabs(log(y))));
    y = 1 + (random_unit() - 0.5) * 1e-3;
    worst_log = fmax(worst_log, relative(math_log(y), log(y)));
  }
  assert_true(worst_exp < 8e-15);
  assert_true(worst_log < 8e-15);
}

static void exp_and_log_edges(void **state) {
  (void)state;
  assert_true(math_exp(0) == 1);
  assert_true(isinf(math_exp(710)) && isinf(math_exp(INFINITY)));
  assert_true(math_exp(-746) == 0 && math_exp(-INFINITY) == 0);
  assert_true(isnan(math_exp(NAN)) && isnan(math_log(NAN)) && isnan(math_log(-1)));
  assert_true(relative(math_exp(-740), exp(-740)) < 0.3); /* subnormal: few bits left */
  assert_true(math_log(1) == 0);
  assert_true(isinf(math_log(0)) && math_log(0) < 0);
  assert_true(isinf(math_log(INFINITY)));
  assert_true(relative(math_log(5e-324), log(5e-324)) < 8e-15);
}

static void pow_matches_libm(void **state) {
  (void)state;
  f64 worst = 0;
  for (int i = 0; i < 100000; i++) {
    f64 x = exp((random_unit() - 0.5) * 40), y = (random_unit() - 0.5) * 10;
    worst = fmax(worst, relative(math_pow(x, y), pow(x, y)));
  }
  assert_true(worst < 1e-13);
  assert_true(math_pow(100000.0, 0) == 1);
}

static void sincos_matches_libm(void **state) {
  (void)state;
  f64 worst = 0;
  for (int i = 0; i < 300000; i++) {
    f64 range = i % 3 == 0 ? 10 : i % 3 == 1 ? 1e5 : 0x1p21;
    f64 x = (random_unit() - 0.5) * range, s, c;
    math_sincos(x, &s, &c);
    worst = fmax(worst, fmax(fabs(s - sin(x)), fabs(c - cos(x))));
  }
  assert_true(worst < 4e-15);
  f64 s, c;
  math_sincos(0, &s, &c);
  assert_true(s == 0 && c == 1);
  math_sincos(1e9, &s, &c);
  assert_true(isnan(s) && isnan(c));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exp_and_log_match_libm),
      cmocka_unit_test(exp_and_log_edges),
      cmocka_unit_test(pow_matches_libm),
      cmocka_unit_test(sincos_matches_libm),
  };
  return cmocka_run_group_tests_name("math", tests, nullptr, nullptr);
}
