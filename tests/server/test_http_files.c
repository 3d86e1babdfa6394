/* Pure parts of file replies: ranges against a slow reference, dates there and back, tags,
 * names, weights. The same rules over sockets: files.test.mjs. */
#include <sys/stat.h>

#include "cmocka_all.h"
#include "server/encoding.h"
#include "server/etag.h"
#include "server/http_date.h"
#include "server/media_type.h"
#include "server/range.h"

/* Every "a-b", "a-" and "-n" against every small file, byte by byte. */
static void ranges_equal_the_reference(void **state) {
  (void)state;
  for (i64 size = 0; size <= 6; size++) {
    for (int a = -1; a <= 8; a++) {
      for (int b = -1; b <= 8; b++) {
        char value[64], left[16] = "", right[16] = "";
        if (a >= 0) snprintf(left, sizeof left, "%d", a);
        if (b >= 0) snprintf(right, sizeof right, "%d", b);
        snprintf(value, sizeof value, "bytes=%s-%s", left, right);
        i64 first = size, n = 0, from = -7, bytes = -7;
        for (i64 i = 0; i < size; i++) {
          bool in = a >= 0 ? i >= a && (b < 0 || i <= b) : i >= size - b;
          if (in && n++ == 0) first = i;
        }
        range_kind kind = range_parse(text(value), size, &from, &bytes);
        if ((a < 0 && b < 0) || (a >= 0 && b >= 0 && b < a)) {
          assert_int_equal(kind, RANGE_NONE);
        } else if (n == 0) {
          assert_int_equal(kind, RANGE_OUTSIDE);
        } else {
          assert_int_equal(kind, RANGE_PART);
          assert_int_equal(from, first);
          assert_int_equal(bytes, n);
        }
      }
    }
  }
}

static void dates_go_there_and_back(void **state) {
  (void)state;
  char out[29];
  http_date_write(784111777, out);
  assert_memory_equal(out, "Sun, 06 Nov 1994 08:49:37 GMT", 29);
  http_date_write(0, out);
  assert_memory_equal(out, "Thu, 01 Jan 1970 00:00:00 GMT", 29);
  http_date_write(951782400, out);
  assert_memory_equal(out, "Tue, 29 Feb 2000 00:00:00 GMT", 29);
  for (i64 t = 0; t < 250000000000; t += 86399 * 997) {
    i64 back = -1;
    http_date_write(t, out);
    assert_true(http_date_read(bytes_from(out, 29), &back));
    assert_int_equal(back, t);
  }
  i64 unused;
  const char *wrong[] = {"",
                         "Sunday, 06-Nov-94 08:49:37 GMT",
                         "Mon, 06 Nov 1994 08:49:37 GMT",
                         "Sun, 06 Nov 1994 08:49:37 UTC",
                         "Sun, 31 Feb 1994 08:49:37 GMT",
                         "Sun, 06 Nov 1994 24:49:37 GMT",
                         "Sun,  6 Nov 1994 08:49:37 GMT"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_false(http_date_read(text(wrong[i]), &unused));
  }
}

static void a_tag_needs_two_seconds_and_tells_files_apart(void **state) {
  (void)state;
  struct stat facts = {.st_size = 5, .st_ino = 7, .st_mtim = {100, 1}, .st_ctim = {1000, 500}};
  validator a, b;
  etag_from_stat(&facts, 1001LL * 1000000000, &a);
  assert_string_equal(a.etag, "");
  assert_int_equal(a.modified_s, -1);
  etag_from_stat(&facts, 1003LL * 1000000000, &a);
  assert_int_equal(a.modified_s, 100);
  facts.st_ctim.tv_nsec++;
  etag_from_stat(&facts, 1003LL * 1000000000, &b);
  assert_string_not_equal(a.etag, b.etag);
}

static void only_hashed_names_are_for_ever(void **state) {
  (void)state;
  assert_true(name_is_immutable(text("/assets/index-DiwrgTda.js")));
  assert_true(name_is_immutable(text("/assets/deep/a.worker-B_-4abcd.js")));
  assert_false(name_is_immutable(text("/index-DiwrgTda.js")));
  assert_false(name_is_immutable(text("/assets/index.js")));
  assert_false(name_is_immutable(text("/assets/-DiwrgTda.js")));
  assert_false(name_is_immutable(text("/assets/index-Diwr.Tda.js")));
  assert_false(name_is_immutable(text("/assets/index-DiwrgTda")));
  assert_false(name_is_immutable(text("/assets/")));
}

static void weights(void **state) {
  (void)state;
  encoding_wish w = encoding_parse(text("br;q=0.125, gzip;q=1.000"));
  assert_int_equal(w.br, 125);
  assert_int_equal(w.gzip, 1000);
  w = encoding_parse((nf_bytes){0});
  assert_int_equal(w.br + w.gzip, 0);
  w = encoding_parse(text(",,;;=,br;q=1.1,gzip;q="));
  assert_int_equal(w.br + w.gzip, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_equal_the_reference),
      cmocka_unit_test(dates_go_there_and_back),
      cmocka_unit_test(a_tag_needs_two_seconds_and_tells_files_apart),
      cmocka_unit_test(only_hashed_names_are_for_ever),
      cmocka_unit_test(weights),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
