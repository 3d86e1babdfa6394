/* Tests of base/utf8.h: UTF-8 against its definition, grapheme clusters against Unicode's own
 * GraphemeBreakTest (tests/data/grapheme_break.txt). */
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"

static void every_scalar_value_round_trips(void **state) {
  (void)state;
  for (u32 cp = 0; cp <= 0x10FFFF; cp++) {
    if (cp >= 0xD800 && cp <= 0xDFFF) continue;
    u8 out[4];
    isize n = utf8_put(cp, out);
    nf_bytes text = bytes_of(out, n);
    u32 back = 0;
    if (!utf8_valid(text) || utf8_next(text, 0, &back) != n || back != cp) {
      fail_msg("U+%X does not round trip", cp);
    }
    if (utf16_units(text) != (cp > 0xFFFF ? 2 : 1)) fail_msg("U+%X: UTF-16 length", cp);
    for (isize cut = 1; cut < n; cut++) { /* a cut sequence is damaged, byte by byte */
      if (utf8_valid(bytes_of(out, cut)) || utf8_next(bytes_of(out, cut), 0, &back) != 1 ||
          back != UTF8_REPLACEMENT) {
        fail_msg("U+%X cut to %d bytes", cp, (int)cut);
      }
    }
  }
}

static void damaged_sequences_are_refused(void **state) {
  (void)state;
  static const char *bad[] = {
      "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
      "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
      "\xFF",         "\xE2\x28\xA1", "\xF0\x9F\x98\x28"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    nf_bytes text = bytes_from_str(bad[i]);
    assert_false(utf8_valid(text));
    u32 cp = 0;
    assert_int_equal(utf8_next(text, 0, &cp), 1);
    assert_int_equal(cp, UTF8_REPLACEMENT);
  }
  u8 out[4];
  assert_int_equal(utf8_put(0xD800, out), 3);
  assert_memory_equal(out, "\xEF\xBF\xBD", 3);
  assert_int_equal(utf8_put(0x110000, out), 3);
  assert_true(utf8_valid(bytes_of(nullptr, 0)));
}

/* One line of the data file: compares every cluster boundary. */
static void check_case(const char *line, int number) {
  u8 text[256];
  isize ends[64], n_ends = 0, len = 0;
  for (const char *p = line; *p && *p != '\n';) {
    char *after = nullptr;
    u32 cp = (u32)strtoul(p, &after, 16);
    assert_true(after != p && len < 250 && n_ends < 63);
    len += utf8_put(cp, text + len);
    if (*after == '|') ends[n_ends++] = len;
    p = *after == '\n' || !*after ? after : after + 1;
  }
  ends[n_ends++] = len;
  isize at = 0;
  for (isize i = 0; i < n_ends; i++) {
    at = grapheme_next(bytes_of(text, len), at);
    if (at != ends[i])
      fail_msg("line %d: cluster %d ends at byte %d, not %d", number, (int)i, (int)at,
               (int)ends[i]);
  }
  assert_int_equal(grapheme_count(bytes_of(text, len)), n_ends);
}

static void grapheme_clusters_are_unicodes(void **state) {
  (void)state;
  FILE *file = fopen(NF_SOURCE_DIR "/tests/data/grapheme_break.txt", "r");
  assert_non_null(file);
  char line[1024];
  int n_cases = 0, number = 0;
  while (fgets(line, sizeof line, file)) {
    number++;
    if (line[0] == '#') continue;
    check_case(line, number);
    n_cases++;
  }
  fclose(file);
  assert_true(n_cases >= 700);
}

static void characters_are_counted_as_people_do(void **state) {
  (void)state;
  static const struct {
    const char *text;
    isize clusters, units;
  } cases[] = {
      {"", 0, 0},
      {"caf\u00e9", 4, 4},
      {"cafe\u0301", 4, 5},
      {"\U0001F468\u200D\U0001F469\u200D\U0001F467", 1, 8},       /* a family */
      {"\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7\U0001F1E9", 3, 10}, /* two flags and a half */
      {"\U0001F44D\U0001F3FD!", 2, 5},
      {"\u0915\u094D\u0937", 1, 3}, /* Devanagari conjunct, GB9c */
      {"\uD55C\u1112\u1161\u11AB", 2, 4},
      {"a\r\nb", 3, 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    nf_bytes text = bytes_from_str(cases[i].text);
    assert_int_equal(grapheme_count(text), cases[i].clusters);
    assert_int_equal(utf16_units(text), cases[i].units);
  }
  assert_int_equal(grapheme_count(bytes_of("\xFFx\xC3", 3)), 3);
  assert_int_equal(utf16_units(bytes_of("\xFFx\xC3", 3)), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_scalar_value_round_trips),
      cmocka_unit_test(damaged_sequences_are_refused),
      cmocka_unit_test(grapheme_clusters_are_unicodes),
      cmocka_unit_test(characters_are_counted_as_people_do),
  };
  return cmocka_run_group_tests_name("utf8", tests, nullptr, nullptr);
}
