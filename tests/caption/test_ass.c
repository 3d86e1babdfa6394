/* The ASS script: times, our own tags, places, and that nothing of a file reaches a renderer but
 * letters. */
#include "caption_files.h"

static const nf_ass_desc desc = {.font = "DejaVu Sans", .width = 640, .height = 360};

static nf_bytes ass_of(nf_caption *doc) {
  nf_bytes file = {};
  nf_error error = {};
  if (nf_caption_ass(doc, &desc, &file, &error) != NF_OK) fail_msg("%s", error.line);
  return file;
}

/* What follows "[Events]\nFormat: ...\n". */
static nf_bytes events_of(nf_bytes file) {
  isize at = bytes_find(file, bytes_from_str("[Events]\n"));
  assert_true(at > 0);
  nf_bytes rest = bytes_slice(file, at + 9, file.len);
  at = bytes_find(rest, bytes_from_str("\n"));
  return bytes_slice(rest, at + 1, rest.len);
}

static void draws(const char *file, const char *wanted) {
  nf_caption *doc = doc_of(file);
  assert_text(events_of(ass_of(doc)), wanted);
  nf_caption_close(doc);
}

#define S1 "1\n00:00:01,000 --> 00:00:02,500\n"
#define V1 "WEBVTT\n\n00:01.000 --> 00:02.500"
#define D1 "Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,"

static void the_head_knows_the_picture(void **state) {
  (void)state;
  nf_caption *doc = doc_of(S1 "a\n");
  nf_bytes file = ass_of(doc);
  assert_true(bytes_find(file, bytes_from_str("\nPlayResX: 640\nPlayResY: 360\n")) > 0);
  assert_true(bytes_find(file, bytes_from_str("\nStyle: Default,DejaVu Sans,20,&H")) > 0);
  nf_ass_desc portrait = {.font = "F", .width = 1080, .height = 1920, .font_permille = 100};
  assert_int_equal(nf_caption_ass(doc, &portrait, &file, nullptr), NF_OK);
  assert_true(bytes_find(file, bytes_from_str("\nStyle: Default,F,81,&H")) > 0);
  nf_ass_desc bad = {.font = "F", .width = 0, .height = 1};
  nf_error error;
  assert_int_equal(nf_caption_ass(doc, &bad, &file, &error), NF_BAD_INPUT);
  assert_string_equal(error.line, "a picture of 0 x 1; at most 16384 x 16384");
  nf_caption_close(doc);
}

static void tags_are_written_anew(void **state) {
  (void)state;
  draws(S1 "<i>a</i> <b>b\n<u>c</u></b>\n", D1 "{\\i1}a{\\i0} {\\b1}b\\N{\\u1}c{\\u0}{\\b0}\n");
  draws(S1 "<I>a<i>b</i></I></i><em>c</em>\n", D1 "{\\i1}ab{\\i0}{\\i1}c{\\i0}\n");
  draws(V1 "\n<v Dana>a &amp; <c.red.b>b</c> <i.x>c\n", D1 "a & b {\\i1}c\n");
  draws(S1 "<font color=\"red\">a</font>{\\i1}b\n", D1 "a{\\i1}b{\\i0}\n");
}

static void places_are_kept(void **state) {
  (void)state;
  draws(S1 "{\\an8}top\n", D1 "{\\an8}top\n");
  draws(V1 " line:0 align:left\na\n", D1 "{\\an7}a\n");
  draws(V1 " line:90% position:10%\na\n", D1 "a\n");
}

static void hostile_text_is_text(void **state) {
  (void)state;
  draws(S1 "{\\fs999\\t(0,999,\\blur200)}a{\\p1}m 0 0\n", D1 "am 0 0\n");
  draws(V1 "\n{\\p1}m 0 0\n", D1 "\\{\\\xE2\x81\xA0p1}m 0 0\n");
  draws(S1 "a\\Nb{c \\{d\n", D1 "a\\\xE2\x81\xA0Nb\\{c \\\xE2\x81\xA0\\{d\n");
  draws(V1 "\n&#123;\\i1}&#92;N&#10;Dialogue: 0&#13;x&#7;\n",
        D1 "\\{\\\xE2\x81\xA0i1}\\\xE2\x81\xA0N\\NDialogue: 0x\n");
  draws(S1 "a\tb\x01\x1F\n", D1 "a b\n");
}

static void times_are_hundredths(void **state) {
  (void)state;
  draws("1\n101:02:03,995 --> 101:02:04,005\na\n\n2\n00:00:01,000 --> 00:00:01,004\nnever\n",
        "Dialogue: 0,101:02:04.00,101:02:04.01,Default,,0,0,0,,a\n");
  draws("1\n00:59:59,994 --> 00:59:59,996\na\n",
        "Dialogue: 0,0:59:59.99,1:00:00.00,Default,,0,0,0,,a\n");
}

static void refused(nf_caption *doc, const char *wanted) {
  nf_bytes file;
  nf_error error = {};
  assert_int_equal(nf_caption_ass(doc, &desc, &file, &error), NF_BAD_INPUT);
  assert_string_equal(error.line, wanted);
  nf_caption_close(doc);
}

static void what_a_frame_costs_is_bounded(void **state) {
  (void)state;
  static char file[400000];
  int n = snprintf(file, sizeof file, S1);
  memset(file + n, 'a', 4001);
  refused(doc_of(file),
          "line 1: a cue of 4001 bytes cannot be drawn; split it into cues of at most 4000");
  /* 16 at once are fine, in whatever order they come, and as many behind them */
  n = 0;
  for (int i = 0; i < 1000; i++) {
    int at = (i * 7919 + 13) % 1000 / 16; /* a permutation of 1000 cues in groups of 16 */
    n += snprintf(file + n, sizeof file - (size_t)n,
                  "%d\n00:%02d:%02d,000 --> 00:%02d:%02d,000\na\n\n", i + 1, at / 60, at % 60,
                  (at + 1) / 60, (at + 1) % 60);
  }
  nf_caption *doc = doc_of(file);
  assert_true(ass_of(doc).len > 0);
  assert_int_equal(nf_caption_cue_insert(doc, 3, 40000, 40500, bytes_from_str("b"), nullptr),
                   NF_OK);
  refused(doc, "more than 16 cues are shown at once at 40 s; mend their times");
}

static void body(const char *name, nf_bytes file) {
  (void)name;
  nf_caption *doc;
  if (nf_caption_open(file, &doc, nullptr) != NF_OK) return;
  nf_bytes ass;
  nf_error error = {};
  if (nf_caption_ass(doc, &desc, &ass, &error) != NF_OK) assert_true(error.line[0] != 0);
  nf_caption_close(doc);
}
static void every_file_is_drawn_or_refused(void **state) {
  (void)state;
  assert_true(corpus_each(body) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_head_knows_the_picture),
      cmocka_unit_test(tags_are_written_anew),
      cmocka_unit_test(places_are_kept),
      cmocka_unit_test(hostile_text_is_text),
      cmocka_unit_test(times_are_hundredths),
      cmocka_unit_test(what_a_frame_costs_is_bounded),
      cmocka_unit_test(every_file_is_drawn_or_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
