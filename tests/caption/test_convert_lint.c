/* Plain text, measures, lint rules at their limits, and conversion between the formats. */
#include "caption_files.h"

#define T1 "00:00:01,000 --> 00:00:02,000"
#define V1 "00:00:01.000 --> 00:00:02.000"

static void plain_is(const char *text, nf_caption_format format, const char *wanted) {
  u8 out[256];
  isize len = nf_caption_plain(bytes_from_str(text), format, out, sizeof out);
  assert_text(bytes_of(out, len), wanted);
}

static void plain_text_is_what_a_viewer_sees(void **state) {
  (void)state;
  plain_is("<i>a</i> {\\an8}b\n<font color=\"red\">c</font>", NF_SRT, "a b\nc");
  plain_is("a &amp; b < c <3 d>", NF_SRT, "a &amp; b < c <3 d>");
  plain_is("a &amp; &lt;b&gt; &#65;&#x42; &nope; <c.x>d</c> {\\an8}", NF_VTT,
           "a & <b> AB &nope; d {\\an8}");
  plain_is("never <closed", NF_VTT, "never ");
  u8 out[4] = "zzzz";
  assert_int_equal(nf_caption_plain(bytes_from_str("abc\xC3\xA9"), NF_SRT, out, 4), 5);
  assert_memory_equal(out, "abcz", 4); /* no half characters */
}

static void measures_count_what_people_count(void **state) {
  (void)state;
  nf_text_measure m = nf_measure(
      bytes_from_str("<i>caf\x65\xCC\x81</i>\nab \xF0\x9F\x87\xA9\xF0\x9F\x87\xAA!"), NF_SRT);
  assert_int_equal(m.chars, 4 + 5);
  assert_int_equal(m.line_chars_max, 5);
  assert_int_equal(m.lines, 2);
  m = nf_measure((nf_bytes){}, NF_SRT);
  assert_int_equal(m.lines + m.chars, 0);
  char long_line[10000];
  memset(long_line, 'a', sizeof long_line);
  assert_int_equal(nf_measure(bytes_of(long_line, sizeof long_line), NF_VTT).chars, 10000);
}

static int findings_of(const char *file, nf_lint_finding *out) {
  nf_caption *doc = doc_of(file);
  nf_lint_profile profile;
  assert_int_equal(nf_lint_profile_get(bytes_from_str("netflix"), &profile), NF_OK);
  int n = nf_lint(doc, &profile, out, 16);
  assert_int_equal(nf_lint(doc, &profile, nullptr, 0), n);
  nf_caption_close(doc);
  return n;
}

static void one_finding(const char *file, nf_lint_rule rule, i32 value, i32 limit) {
  nf_lint_finding f[16];
  assert_int_equal(findings_of(file, f), 1);
  assert_int_equal(f[0].rule, rule);
  assert_int_equal(f[0].value, value);
  assert_int_equal(f[0].limit, limit);
  assert_int_equal(f[0].cue, 0);
}

static void rules_hold_at_their_limits(void **state) {
  (void)state;
  nf_lint_finding f[16];
  /* 20 characters in 1 s is fine, 21 is not; 833 ms and 7 s are fine; a gap of 83 ms is fine */
  assert_int_equal(findings_of("1\n" T1 "\n12345678901234567890\n", f), 0);
  one_finding("1\n" T1 "\n123456789012345678901\n", NF_LINT_CPS, 2100, 2000);
  assert_int_equal(findings_of("1\n00:00:01,000 --> 00:00:01,833\nabc\n", f), 0);
  one_finding("1\n00:00:01,000 --> 00:00:01,832\nabc\n", NF_LINT_DURATION_SHORT, 832, 833);
  assert_int_equal(findings_of("1\n00:00:01,000 --> 00:00:08,000\nabc\n", f), 0);
  one_finding("1\n00:00:01,000 --> 00:00:08,001\nabc\n", NF_LINT_DURATION_LONG, 7001, 7000);
  one_finding("1\n00:00:01,000 --> 00:00:04,000\n1234567890123456789012345678901234567890123\n",
              NF_LINT_LINE_LENGTH, 43, 42);
  one_finding("1\n" T1 "\na\nb\nc\n", NF_LINT_LINE_COUNT, 3, 2);
  assert_int_equal(findings_of("1\n" T1 "\na\n\n2\n00:00:02,083 --> 00:00:03,000\nb\n", f), 0);
  one_finding("1\n" T1 "\na\n\n2\n00:00:02,082 --> 00:00:03,000\nb\n", NF_LINT_GAP, 82, 83);
  one_finding("1\n" T1 "\na\n\n2\n00:00:01,900 --> 00:00:03,000\nb\n", NF_LINT_OVERLAP, 100, 0);
  nf_lint_profile profile;
  assert_int_equal(nf_lint_profile_get(bytes_from_str("other"), &profile), NF_BAD_INPUT);
  assert_string_equal(nf_lint_rule_name(NF_LINT_CPS), "cps");
  assert_string_equal(nf_lint_rule_name((nf_lint_rule)99), "");
}

static void converts(const char *from, const char *wanted, const char *warning) {
  nf_caption *doc = doc_of(from);
  nf_caption_format other = nf_caption_format_get(doc) == NF_SRT ? NF_VTT : NF_SRT;
  i32 n_before = nf_caption_warning_count(doc);
  nf_bytes file;
  for (int twice = 0; twice < 2; twice++) { /* warnings of a write do not pile up */
    assert_int_equal(nf_caption_write(doc, other, &file, nullptr), NF_OK);
    assert_text(file, wanted);
    assert_int_equal(nf_caption_warning_count(doc), n_before + (warning != nullptr ? 1 : 0));
  }
  if (warning != nullptr) {
    nf_caption_warning w;
    nf_caption_warning_get(doc, n_before, &w);
    assert_string_equal(w.what, warning);
  }
  assert_text(doc_write(doc), from);
  nf_caption_close(doc);
}

static void formats_become_each_other(void **state) {
  (void)state;
  converts("1\n" T1 "\n<i>a</i> & b\nc < d\n", "WEBVTT\n\n1\n" V1 "\n<i>a</i> &amp; b\nc &lt; d\n",
           nullptr);
  converts("1\n" T1 "\n{\\an8}<font color=\"#FFFF00\">a</font>\n",
           "WEBVTT\n\n1\n" V1 " line:0\n<c.yellow>a</c>\n", nullptr);
  converts("1\n" T1 "\n{\\an7}{\\i1}a{\\i0} b --> c\n",
           "WEBVTT\n\n1\n" V1 " line:0 align:left\n<i>a</i> b --&gt; c\n", nullptr);
  converts("1\n" T1 "\n<s>a</s>\n", "WEBVTT\n\n1\n" V1 "\na\n",
           "a tag or class the other format lacks; dropped");
  converts("1\n" T1 "\n{\\pos(1,2)}a\n", "WEBVTT\n\n1\n" V1 "\na\n",
           "an override {\\...} the other format lacks; dropped");
  converts("1\n" T1 " X1:5\na\n", "WEBVTT\n\n1\n" V1 "\na\n",
           "cue settings the other format lacks; dropped");
  converts("WEBVTT\n\n1\n" V1 " line:0\n<v Dana>a</v> &amp; <c.red>b</c>\n",
           "1\n" T1 "\n{\\an8}Dana: a & <font color=\"red\">b</font>\n", nullptr);
  converts("WEBVTT\n\n" V1 "\na <00:00:01.500>b\n", "1\n" T1 "\na b\n",
           "a time stamp in the text; dropped");
  converts("WEBVTT\n\nid\n" V1 "\na\n", "1\n" T1 "\na\n", "cue identifiers become numbers from 1");
  converts("WEBVTT\n\nNOTE x\n\n" V1 "\na\n", "1\n" T1 "\na\n",
           "a block that is no cue is not carried over");
  converts("WEBVTT\n\n" V1 "\n00:00:01,000 --&gt; 00:00:02,000\n",
           "1\n" T1 "\n00:00:01,000  -> 00:00:02,000\n", "\"-->\" in the text; written as \" ->\"");
}

/* Through the other format and back, every file of the corpus keeps its cues and times. */
static void there_and_back(const char *name, nf_bytes bytes) {
  nf_caption *doc = doc_of_bytes(bytes);
  nf_caption_format own = nf_caption_format_get(doc);
  nf_bytes file;
  i32 n = nf_caption_cue_count(doc);
  assert_int_equal(nf_caption_write(doc, own == NF_SRT ? NF_VTT : NF_SRT, &file, nullptr), NF_OK);
  if (n == 0) {
    nf_caption_close(doc);
    return;
  }
  nf_caption *other = doc_of_bytes(file);
  assert_int_equal(nf_caption_write(other, own, &file, nullptr), NF_OK);
  nf_caption *again = doc_of_bytes(file);
  if (nf_caption_cue_count(other) != n || nf_caption_cue_count(again) != n) fail_msg("%s", name);
  for (i32 i = 0; i < n; i++) {
    assert_int_equal(cue_at(again, i).start_ms, cue_at(doc, i).start_ms);
    assert_int_equal(cue_at(again, i).end_ms, cue_at(doc, i).end_ms);
  }
  nf_caption_close(again);
  nf_caption_close(other);
  nf_caption_close(doc);
}

static void cues_survive_there_and_back(void **state) {
  (void)state;
  assert_true(corpus_each(there_and_back) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_text_is_what_a_viewer_sees),
      cmocka_unit_test(measures_count_what_people_count),
      cmocka_unit_test(rules_hold_at_their_limits),
      cmocka_unit_test(formats_become_each_other),
      cmocka_unit_test(cues_survive_there_and_back),
  };
  return cmocka_run_group_tests_name("caption text, lint, conversion", tests, nullptr, nullptr);
}
