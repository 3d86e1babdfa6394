/* Tests of the sampler: known distributions, each filter by itself, ties, penalties, and what
 * it does with values that are no numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "session/session.h"

constexpr isize n_small = 6;
static u64 scratch[60000];

static i32 choose(const f32 *logits, isize n, nf_sampling how, session_rng *rng) {
  static f32 copy[50000];
  memcpy(copy, logits, (size_t)n * sizeof(f32));
  assert_true(sampler_scratch_bytes(n) <= (isize)sizeof scratch);
  return sampler_choose(copy, n, &how, nullptr, 0, rng, scratch);
}

/* Draw 40,000 times and compare with probabilities p[n]: chi-squared below the 99.9 % point of
 * the largest table used here (5 degrees of freedom: 20.5). A fixed seed, so never flaky. */
static void check_distribution(const f32 *logits, nf_sampling how, const f64 *p) {
  isize counts[n_small] = {};
  constexpr isize n_draws = 40000;
  session_rng rng = session_rng_of(how.seed);
  for (isize i = 0; i < n_draws; i++) counts[choose(logits, n_small, how, &rng)]++;
  f64 chi = 0;
  for (isize i = 0; i < n_small; i++) {
    f64 want = p[i] * n_draws;
    if (want == 0) {
      assert_int_equal(counts[i], 0);
    } else {
      chi += ((f64)counts[i] - want) * ((f64)counts[i] - want) / want;
    }
  }
  if (!(chi < 20.5)) fail_msg("chi-squared %g", chi);
}

/* logits of probabilities 0.4 0.25 0.15 0.1 0.07 0.03, shuffled */
static const f64 small_p[n_small] = {0.1, 0.4, 0.03, 0.25, 0.07, 0.15};
static void small_logits(f32 *logits) {
  for (isize i = 0; i < n_small; i++) logits[i] = (f32)(log(small_p[i]) + 5);
}

static void normalize(f64 *p) {
  f64 sum = 0;
  for (isize i = 0; i < n_small; i++) sum += p[i];
  for (isize i = 0; i < n_small; i++) p[i] /= sum;
}

static void each_filter_leaves_its_distribution(void **state) {
  (void)state;
  f32 logits[n_small];
  small_logits(logits);
  f64 p[n_small];
  check_distribution(logits, (nf_sampling){.temperature = 1, .seed = 1}, small_p);
  for (isize i = 0; i < n_small; i++) p[i] = sqrt(small_p[i]);
  normalize(p);
  check_distribution(logits, (nf_sampling){.temperature = 2, .seed = 2}, p);
  for (isize i = 0; i < n_small; i++) p[i] = small_p[i] >= 0.15 ? small_p[i] : 0;
  normalize(p);
  check_distribution(logits, (nf_sampling){.temperature = 1, .top_k = 3, .seed = 3}, p);
  check_distribution(logits, (nf_sampling){.temperature = 1, .min_p = 0.3f, .seed = 4}, p);
  /* 0.4 + 0.25 < 0.7 <= 0.4 + 0.25 + 0.15 */
  check_distribution(logits, (nf_sampling){.temperature = 1, .top_p = 0.7f, .seed = 5}, p);
  /* top-k first: of 0.4 and 0.25 alone, 0.6 is reached by the first */
  for (isize i = 0; i < n_small; i++) p[i] = i == 1;
  check_distribution(logits, (nf_sampling){.temperature = 1, .top_k = 2, .top_p = 0.6f}, p);
  /* filters see temperature 1: a high temperature does not widen top-p's set */
  for (isize i = 0; i < n_small; i++) p[i] = small_p[i] >= 0.15 ? pow(small_p[i], 0.1) : 0;
  normalize(p);
  check_distribution(logits, (nf_sampling){.temperature = 10, .top_p = 0.7f, .seed = 6}, p);
}

static void same_seed_same_tokens(void **state) {
  (void)state;
  f32 logits[n_small];
  small_logits(logits);
  session_rng a = session_rng_of(42), b = session_rng_of(42), c = session_rng_of(43);
  nf_sampling how = {.temperature = 1, .top_p = 0.95f};
  isize n_same = 0;
  for (isize i = 0; i < 200; i++) {
    i32 token = choose(logits, n_small, how, &a);
    assert_int_equal(token, choose(logits, n_small, how, &b));
    n_same += token == choose(logits, n_small, how, &c);
  }
  assert_true(n_same < 150);
  /* splitmix64 from seed 1234567, as Steele et al.'s algorithm gives: first two outputs */
  session_rng known = session_rng_of(1234567);
  assert_true(session_rng_unit(&known) == (f64)(6457827717110365317u >> 11) * 0x1p-53);
  assert_true(session_rng_unit(&known) == (f64)(3203168211198807973u >> 11) * 0x1p-53);
}

static void ties_go_to_the_lower_token(void **state) {
  (void)state;
  f32 logits[n_small] = {1, 3, 3, 2, 3, 0};
  session_rng rng = session_rng_of(0);
  assert_int_equal(choose(logits, n_small, (nf_sampling){}, &rng), 1);
  assert_int_equal(choose(logits, n_small, (nf_sampling){.temperature = 1, .top_k = 1}, &rng), 1);
  const f64 two[n_small] = {0, 0.5, 0.5, 0, 0, 0};
  check_distribution(logits, (nf_sampling){.temperature = 1, .top_k = 2}, two);
  assert_int_equal(choose(logits, n_small, (nf_sampling){.temperature = 1, .top_p = 0.01f}, &rng),
                   1);
}

/* Every k of a large row with many equal values: the first k of a sorted copy, no others. */
static int by_logit(const void *a, const void *b) {
  const f32 *x = *(const f32 *const *)a, *y = *(const f32 *const *)b;
  return *x > *y ? -1 : *x < *y ? 1 : x < y ? -1 : 1;
}
static void top_k_is_the_head_of_a_sorted_row(void **state) {
  (void)state;
  constexpr isize n = 3000;
  static f32 logits[n];
  static const f32 *sorted[n];
  session_rng rng = session_rng_of(1);
  for (isize i = 0; i < n; i++) {
    logits[i] = (f32)(isize)(session_rng_unit(&rng) * 40);
    sorted[i] = &logits[i];
  }
  qsort(sorted, n, sizeof *sorted, by_logit);
  for (i32 k = 1; k < 200; k += 7) {
    bool seen[n] = {};
    for (isize i = 0; i < 300; i++) {
      seen[choose(logits, n, (nf_sampling){.temperature = 100, .top_k = k}, &rng)] = true;
    }
    for (isize i = k; i < n; i++) assert_false(seen[sorted[i] - logits]);
  }
}

static void penalties_count_history(void **state) {
  (void)state;
  f32 logits[n_small];
  const i32 history[] = {1, 4, 1, 1, 0};
  const nf_sampling how = {
      .repeat_penalty = 2, .presence_penalty = 0.5f, .frequency_penalty = 0.25f};
  f32 from[n_small] = {-1, 4, 3, 2, 1, 0};
  memcpy(logits, from, sizeof from);
  session_rng rng = {};
  i32 token = sampler_choose(logits, n_small, &how, history, 5, &rng, scratch);
  const f32 want[n_small] = {-1 * 2 - 0.75f, 4 / 2.0f - 0.5f - 0.75f, 3, 2, 1 / 2.0f - 0.75f, 0};
  for (isize i = 0; i < n_small; i++) assert_true(fabsf(logits[i] - want[i]) < 1e-6f);
  assert_int_equal(token, 2);
  /* off: nothing is touched */
  memcpy(logits, from, sizeof from);
  nf_sampling off = {.repeat_penalty = 1};
  assert_int_equal(sampler_choose(logits, n_small, &off, history, 5, &rng, scratch), 1);
  assert_memory_equal(logits, from, sizeof from);
}

static void values_that_are_no_numbers(void **state) {
  (void)state;
  session_rng rng = session_rng_of(3);
  nf_sampling how = {.temperature = 1, .top_p = 0.9f};
  f32 some[n_small] = {NAN, -INFINITY, 1, NAN, 1.5f, -INFINITY};
  for (isize i = 0; i < 200; i++) {
    i32 token = choose(some, n_small, how, &rng);
    assert_true(token == 2 || token == 4);
  }
  f32 none[n_small] = {NAN, NAN, NAN, NAN, NAN, NAN};
  assert_int_equal(choose(none, n_small, how, &rng), 0);
  f32 infinite[n_small] = {0, 1, INFINITY, 2, INFINITY, 3};
  assert_int_equal(choose(infinite, n_small, how, &rng), 2);
  f32 one[1] = {-5};
  assert_int_equal(choose(one, 1, how, &rng), 0);
}

static void ranges_are_checked(void **state) {
  (void)state;
  assert_true(sampler_valid(&(nf_sampling){}));
  assert_true(sampler_valid(&(nf_sampling){
      .temperature = 0.7f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1.1f}));
  const nf_sampling bad[] = {
      {.temperature = -1},
      {.temperature = NAN},
      {.temperature = 101},
      {.top_k = -1},
      {.top_p = 1.5f},
      {.top_p = -0.1f},
      {.top_p = NAN},
      {.min_p = 2},
      {.min_p = NAN},
      {.repeat_penalty = -1},
      {.repeat_penalty = NAN},
      {.repeat_penalty = 0.001f},
      {.presence_penalty = INFINITY},
      {.frequency_penalty = NAN},
  };
  for (isize i = 0; i < (isize)(sizeof bad / sizeof *bad); i++)
    assert_false(sampler_valid(&bad[i]));
}

static void a_whole_vocabulary_gives_likely_tokens(void **state) {
  (void)state;
  constexpr isize n = 49152;
  static f32 logits[n];
  session_rng rng = session_rng_of(9);
  for (isize i = 0; i < n; i++) logits[i] = (f32)(session_rng_unit(&rng) * 20);
  const nf_sampling ways[] = {{.temperature = 1},
                              {.temperature = 1, .top_k = 40},
                              {.temperature = 1, .top_p = 0.95f},
                              {.temperature = 0.8f, .top_k = 100, .min_p = 0.05f, .top_p = 0.9f}};
  for (isize i = 0; i < 4; i++) {
    for (isize j = 0; j < 10; j++) {
      i32 token = choose(logits, n, ways[i], &rng);
      assert_true(token >= 0 && token < n);
      assert_true(logits[token] > 5); /* e^-15: not drawn in 40 draws */
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_filter_leaves_its_distribution),
      cmocka_unit_test(same_seed_same_tokens),
      cmocka_unit_test(ties_go_to_the_lower_token),
      cmocka_unit_test(top_k_is_the_head_of_a_sorted_row),
      cmocka_unit_test(penalties_count_history),
      cmocka_unit_test(values_that_are_no_numbers),
      cmocka_unit_test(ranges_are_checked),
      cmocka_unit_test(a_whole_vocabulary_gives_likely_tokens),
  };
  return cmocka_run_group_tests_name("sampler", tests, nullptr, nullptr);
}
