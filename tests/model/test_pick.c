/* The noise of sampling: fixed values of the hash (a mirror in WGSL must give the same), bounds,
 * and that argmax of logit + noise draws from the softmax. */
#include "cmocka_all.h"
#include "model/pick.h"

static void ends_are_finite(void **state) {
  (void)state;
  assert_true(pick_gumbel(0) > -2.83f && pick_gumbel(0) < -2.81f);
  assert_true(pick_gumbel(0xFFFFFFFF) > 16.63f && pick_gumbel(0xFFFFFFFF) < 16.65f);
}

static void every_argument_counts(void **state) {
  (void)state;
  u32 h = pick_hash(0, 0, 0);
  assert_true(h != 0 && h == pick_hash(0, 0, 0));
  assert_true(h != pick_hash(1, 0, 0) && h != pick_hash((u64)1 << 32, 0, 0));
  assert_true(h != pick_hash(0, 1, 0) && h != pick_hash(0, 0, 1));
}

/* Tokens of probability 1/2, 1/3, 1/6 in 60,000 draws: within five standard deviations. */
static void draws_follow_the_softmax(void **state) {
  (void)state;
  const f64 logits[3] = {1.0986122886681098, 0.6931471805599453, 0}; /* log 3, log 2, log 1 */
  const i32 expected[3] = {30000, 20000, 10000};
  i32 count[3] = {};
  for (u32 i = 0; i < 60000; i++) {
    u32 best = 0;
    f64 top = -1e30;
    for (u32 token = 0; token < 3; token++) {
      f64 value = logits[token] + (f64)pick_gumbel(pick_hash(i / 100, i % 100, token));
      if (value > top) top = value, best = token;
    }
    count[best]++;
  }
  for (i32 j = 0; j < 3; j++) assert_in_range(count[j], expected[j] - 613, expected[j] + 613);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ends_are_finite),
      cmocka_unit_test(every_argument_counts),
      cmocka_unit_test(draws_follow_the_softmax),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
