/* Tests of base/json: what RFC 8259 allows is read, what it forbids is refused, at its place. */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "cmocka_all.h"

static json_value read_good(const char *text) {
  json_value v = {};
  isize at = -1;
  if (json_read(bytes_from_str(text), &v, &at)) fail_msg("refused at %d: %s", (int)at, text);
  return v;
}

static void assert_text(nf_bytes got, const char *want) {
  assert_int_equal(got.len, strlen(want));
  assert_memory_equal(got.at, want, strlen(want));
}

static void values_have_their_kind_and_text(void **state) {
  (void)state;
  static const struct {
    const char *text, *inside;
    json_kind kind;
  } cases[] = {{"null", "null", JSON_NULL},
               {" true\n", "true", JSON_BOOL},
               {"-0.5e+3", "-0.5e+3", JSON_NUMBER},
               {"\"a\\\"b\\u00e9\"", "a\\\"b\\u00e9", JSON_STRING},
               {"[ ]", " ", JSON_ARRAY},
               {"{}", "", JSON_OBJECT},
               {"[1,[2,{\"a\":[]}]]", "1,[2,{\"a\":[]}]", JSON_ARRAY}};
  for (isize i = 0; i < (isize)(sizeof cases / sizeof *cases); i++) {
    json_value v = read_good(cases[i].text);
    assert_int_equal(v.kind, cases[i].kind);
    assert_text(v.text, cases[i].inside);
  }
}

static void members_and_elements_are_walked(void **state) {
  (void)state;
  json_value object = read_good("{ \"a\" : 1 , \"b\" : [ 2 , {\"c\":3} ] , \"a\":4}"), v;
  nf_bytes rest = object.text, key;
  const char *const keys[] = {"a", "b", "a"};
  for (isize i = 0; i < 3; i++) {
    assert_true(json_member_next(&rest, &key, &v));
    assert_text(key, keys[i]);
  }
  assert_false(json_member_next(&rest, &key, &v));
  assert_true(json_member(object, "b", &v));
  rest = v.text;
  u64 n = 0;
  assert_true(json_element_next(&rest, &v) && json_u64(v, &n) && n == 2);
  assert_true(json_element_next(&rest, &v) && v.kind == JSON_OBJECT);
  assert_false(json_element_next(&rest, &v));
  assert_true(json_member(object, "a", &v) && json_u64(v, &n) && n == 1); /* the first */
  assert_false(json_member(object, "c", &v));
  assert_false(json_member(read_good("[1]"), "a", &v));
}

static void what_is_no_json_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",      " ",     "{",         "}",   "[1,]",    "[,1]",    "{\"a\"}",  "{\"a\":}",
      "{a:1}", "{1:2}", "[1 2]",     "\"a", "\"\\x\"", "\"\\u12", "\"\n\"",   "01",
      "1.",    ".5",    "-",         "1e",  "+1",      "tru",     "nul",      "[1]]",
      "{} {}", "[1}",   "{\"a\":1]", "'a'", "NaN",     "1,",      "\"\\\0\"", "{,}"};
  for (isize i = 0; i < (isize)(sizeof bad / sizeof *bad); i++) {
    json_value v = {.kind = JSON_BOOL};
    isize at = -1;
    if (json_read(bytes_from_str(bad[i]), &v, &at) != NF_BAD_INPUT) fail_msg("taken: %s", bad[i]);
    assert_true(0 <= at && at <= (isize)strlen(bad[i]));
    assert_int_equal(v.kind, JSON_BOOL); /* untouched */
  }
  char deep[2 * JSON_DEPTH_MAX + 2];
  for (isize depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
    json_value v;
    isize at;
    memset(deep, '[', (size_t)depth);
    memset(deep + depth, ']', (size_t)depth);
    nf_status want = depth > JSON_DEPTH_MAX ? NF_BAD_INPUT : NF_OK;
    assert_int_equal(json_read(bytes_of(deep, 2 * depth), &v, &at), want);
  }
}

static void numbers_are_what_they_say(void **state) {
  (void)state;
  static const struct {
    const char *text;
    f64 value;
  } cases[] = {{"0", 0},           {"16", 16},     {"2.0", 2},     {"-0.125", -0.125},
               {"1e3", 1000},      {"1E-2", 0.01}, {"2.5e+1", 25}, {"123456789.25", 123456789.25},
               {"1e-300", 1e-300}, {"0.1", 0.1}};
  for (isize i = 0; i < (isize)(sizeof cases / sizeof *cases); i++) {
    f64 got = -7;
    assert_true(json_f64(read_good(cases[i].text), &got));
    if (fabs(got - cases[i].value) > 1e-13 * fabs(cases[i].value)) {
      fail_msg("%s: %.17g", cases[i].text, got);
    }
  }
  f64 x = 0;
  assert_true(json_f64(read_good("1e9999999"), &x) && isinf(x));
  assert_true(json_f64(read_good("0e9999999"), &x) && x == 0);
  assert_true(json_f64(read_good("1e-9999999"), &x) && x == 0);
  assert_true(json_leading_f64(bytes_from_str("2.0 (alpha 64 / rank 32)"), &x) && x == 2);
  assert_false(json_leading_f64(bytes_from_str("alpha"), &x));
  assert_false(json_f64(read_good("\"1\""), &x));
  u64 n = 0;
  assert_true(json_u64(read_good("9223372036854775807"), &n) && n == INT64_MAX);
  assert_false(json_u64(read_good("9223372036854775808"), &n));
  assert_false(json_u64(read_good("1.0"), &n));
  assert_false(json_u64(read_good("-1"), &n));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_have_their_kind_and_text),
      cmocka_unit_test(members_and_elements_are_walked),
      cmocka_unit_test(what_is_no_json_is_refused),
      cmocka_unit_test(numbers_are_what_they_say),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
