/* Token buckets: a burst, then the rate, each client its own. */
#include "cmocka_all.h"
#include "server/bucket.h"

static buckets b;

static void a_burst_then_the_rate(void **state) {
  (void)state;
  memset(&b, 0, sizeof b);
  for (int i = 0; i < 6; i++) assert_int_equal(bucket_take(&b, 7, 6, 1000), 0);
  assert_int_equal(bucket_take(&b, 7, 6, 1000), 10);
  assert_int_equal(bucket_take(&b, 7, 6, 10999), 1);
  assert_int_equal(bucket_take(&b, 8, 6, 10999), 0); /* another client */
  assert_int_equal(bucket_take(&b, 7, 6, 11000), 0);
  assert_int_equal(bucket_take(&b, 7, 6, 11000), 10);
  int n = 0;
  for (i64 ms = 11000; ms < 11000 + 600000; ms += 100) n += bucket_take(&b, 7, 6, ms) == 0;
  assert_in_range(n, 59, 60); /* six a minute for ten minutes */
  for (int i = 0; i < 6; i++) assert_int_equal(bucket_take(&b, 7, 6, 9000000), 0);
  assert_true(bucket_take(&b, 7, 6, 9000000) > 0); /* a long rest gives one minute's, not more */
}

static void the_quietest_is_forgotten(void **state) {
  (void)state;
  memset(&b, 0, sizeof b);
  for (u64 client = 0; client < BUCKETS; client++) {
    assert_int_equal(bucket_take(&b, client, 1, 1000 + (i64)client), 0);
  }
  assert_true(bucket_take(&b, 0, 1, 3000) > 0);
  assert_int_equal(bucket_take(&b, 5000, 1, 3000), 0); /* takes the place of 0 */
  assert_true(bucket_take(&b, 1, 1, 3000) > 0);
  assert_true(bucket_take(&b, 5000, 1, 3000) > 0);
  assert_int_equal(bucket_take(&b, 0, 1, 3000), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_burst_then_the_rate),
      cmocka_unit_test(the_quietest_is_forgotten),
  };
  return cmocka_run_group_tests_name("bucket", tests, nullptr, nullptr);
}
