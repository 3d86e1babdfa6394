/* Caption documents: nothing is lost on save, changes touch only their place, damage is named.
 * Works on tests/data/captions (about sixty nasty files) and on strings. */
#include "caption_files.h"
#include "os/os.h"

/* ---- unchanged ---- */

static void same_bytes(const char *name, nf_bytes file) {
  nf_caption *doc = doc_of_bytes(file);
  nf_bytes out = doc_write(doc);
  if (!bytes_equal(out, file)) fail_msg("%s: not the same bytes", name);
  for (i32 i = 0; i < nf_caption_cue_count(doc); i++) { /* setting what is there changes nothing */
    nf_cue cue = cue_at(doc, i);
    assert_int_equal(nf_caption_text_set(doc, i, cue.text, nullptr), NF_OK);
    cue = cue_at(doc, i);
    assert_int_equal(nf_caption_times_set(doc, i, cue.start_ms, cue.end_ms, nullptr), NF_OK);
  }
  if (!bytes_equal(doc_write(doc), file)) fail_msg("%s: changed by setting the same", name);
  nf_caption_close(doc);
}

static void every_file_is_saved_unchanged(void **state) {
  (void)state;
  assert_true(corpus_each(same_bytes) >= 50);
}

/* Change a text, save, change it back, save: the file again. */
static void change_and_back(const char *name, nf_bytes file) {
  nf_caption *doc = doc_of_bytes(file);
  for (i32 i = 0; i < nf_caption_cue_count(doc); i++) {
    nf_cue cue = cue_at(doc, i);
    nf_bytes text = bytes_dup(cue.text);
    i64 start = cue.start_ms, end = cue.end_ms;
    assert_int_equal(nf_caption_text_set(doc, i, bytes_from_str("new"), nullptr), NF_OK);
    assert_int_equal(nf_caption_times_set(doc, i, 1, 2, nullptr), NF_OK);
    if (bytes_equal(doc_write(doc), file)) fail_msg("%s: cue %d did not change", name, i);
    assert_int_equal(nf_caption_text_set(doc, i, text, nullptr), NF_OK);
    assert_int_equal(nf_caption_times_set(doc, i, start, end, nullptr), NF_OK);
    if (!bytes_equal(doc_write(doc), file)) fail_msg("%s: cue %d does not go back", name, i);
    bytes_free(text);
  }
  nf_caption_close(doc);
}

static void a_change_taken_back_is_no_change(void **state) {
  (void)state;
  corpus_each(change_and_back);
}

/* A change at cue i leaves every byte before its text and after it alone. */
static void change_is_local(const char *name, nf_bytes file) {
  nf_caption *doc = doc_of_bytes(file);
  i32 n = nf_caption_cue_count(doc);
  for (i32 i = 0; i < n; i++) {
    nf_bytes old_text = bytes_dup(cue_at(doc, i).text);
    assert_int_equal(nf_caption_text_set(doc, i, bytes_from_str("x"), nullptr), NF_OK);
    nf_bytes out = doc_write(doc);
    isize same_head = 0, same_tail = 0, least = isize_min(out.len, file.len);
    while (same_head < least && out.at[same_head] == file.at[same_head]) same_head++;
    while (same_tail < least - same_head &&
           out.at[out.len - 1 - same_tail] == file.at[file.len - 1 - same_tail]) {
      same_tail++;
    }
    /* what is not shared is no more than the old text (4 bytes a character at most in UTF-16,
     * 2 a line end) and the new one with a line end or two */
    isize changed_old = file.len - same_head - same_tail;
    isize changed_new = out.len - same_head - same_tail;
    if (changed_old > 2 * old_text.len + 16 || changed_new > 12) {
      fail_msg("%s: cue %d: %td bytes became %td", name, i, changed_old, changed_new);
    }
    assert_int_equal(nf_caption_text_set(doc, i, old_text, nullptr), NF_OK);
    bytes_free(old_text);
  }
  nf_caption_close(doc);
}

static void a_change_touches_only_its_text(void **state) {
  (void)state;
  corpus_each(change_is_local);
}

/* ---- reading ---- */

static void cues_have_what_the_file_says(void **state) {
  (void)state;
  nf_caption *doc = doc_of(
      "\xEF\xBB\xBF"
      "7\r\n00:00:01,500 --> 100:00:02,000  X1:1 Y1:2\r\n<i>a</i>\r\nb\r\n");
  assert_int_equal(nf_caption_cue_count(doc), 1);
  nf_cue cue = cue_at(doc, 0);
  assert_int_equal(cue.start_ms, 1500);
  assert_int_equal(cue.end_ms, 360002000);
  assert_text(cue.text, "<i>a</i>\nb");
  assert_text(cue.settings, "X1:1 Y1:2");
  assert_text(cue.label, "7");
  assert_int_equal(cue.line, 1);
  assert_int_equal(nf_caption_format_get(doc), NF_SRT);
  nf_caption_close(doc);
  doc = doc_of("WEBVTT title\n\nNOTE x\n\nid 1\n01:02.003 --> 00:02:00.000 line:0\nA &amp; B\n\n");
  cue = cue_at(doc, 0);
  assert_int_equal(nf_caption_format_get(doc), NF_VTT);
  assert_int_equal(cue.start_ms, 62003);
  assert_int_equal(cue.end_ms, 120000);
  assert_text(cue.text, "A &amp; B");
  assert_text(cue.settings, "line:0");
  assert_text(cue.label, "id 1");
  assert_int_equal(cue.line, 5);
  nf_caption_close(doc);
}

typedef struct {
  const char *file;
  i32 line;
  const char *what;
} warned;

#define T1 "00:00:01,000 --> 00:00:02,000\n"
#define T2 "00:00:03,000 --> 00:00:04,000\n"
#define V1 "00:01.000 --> 00:02.000\n"

static void every_oddity_has_a_warning_with_its_line(void **state) {
  (void)state;
  static const warned cases[] = {
      {"1\n" T1 "a\n\nb\n", 5, "blank line inside the text of a cue"},
      {"1\n" T1 "\na\n", 4, "blank line before the text of a cue"},
      {T1 "a\n", 1, "cue number missing"},
      {"one\n" T1 "a\n", 1, "cue number expected"},
      {"2\n" T1 "a\n\n2\n" T2 "b\n", 5, "cue number is not above the one before"},
      {"1\n" T1 "a\n2\n" T2 "b\n", 4, "no blank line before this cue"},
      {"1\n\n" T1 "a\n", 1, "blank line between cue number and time line"},
      {"1\n" T2 "a\n\n2\n" T1 "b\n", 6, "the cue begins before the one above it"},
      {"1\n00:00:02,000 --> 00:00:01,000\na\n", 2, "the cue ends before it begins"},
      {"1\n00:00:01.000 --> 00:00:02,000\na\n", 2, "',' expected before the milliseconds"},
      {"1\n00:00:01,5 --> 00:00:02,000\na\n", 2, "milliseconds are not three digits"},
      {"1\n00:00:01 --> 00:00:02,000\na\n", 2, "time without milliseconds"},
      {"1\n00:01,000 --> 00:02,000\na\n", 2, "time without hours"},
      {"1\n00:00:61,000 --> 00:02:00,000\na\n", 2, "minutes or seconds over 59"},
      {"1\n" T1 "a\n\n2\n00:00:xx --> 00:00:09,000\nb\n", 6,
       "time line not understood; the block is kept as it is"},
      {"junk\n\n1\n" T1 "a\n", 1, "text outside any cue; kept as it is"},
      {"1\n" T1 "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA9\xC3\xA8 \xFF\n", 3,
       "bytes that are not UTF-8; kept as they are"},
      {"\nWEBVTT\n\n" V1 "a\n", 1, "the file does not begin with WEBVTT; players may refuse it"},
      {"WEBVTT\n\n00:01,000 --> 00:02.000\na\n", 3, "'.' expected before the milliseconds"},
      {"WEBVTT\n\nwords\n\n" V1 "a\n", 3, "block without a time line; kept as it is"},
      {"WEBVTT\n\n00:01.000 --> soon\na\n", 3,
       "time line not understood; the block is kept as it is"},
      {"WEBVTT\n\n" V1 "a\n00:03.000 --> 00:04.000\nb\n", 5, "no blank line before this cue"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    nf_caption *doc = doc_of(cases[i].file);
    bool found = false;
    for (i32 k = 0; k < nf_caption_warning_count(doc); k++) {
      nf_caption_warning w;
      nf_caption_warning_get(doc, k, &w);
      found |= w.line == cases[i].line && strcmp(w.what, cases[i].what) == 0;
    }
    if (!found) fail_msg("no warning '%s' for line %d", cases[i].what, cases[i].line);
    assert_text(doc_write(doc), cases[i].file);
    nf_caption_close(doc);
  }
  nf_caption *clean = doc_of("1\n" T1 "a\n\n2\n" T2 "b\n");
  assert_int_equal(nf_caption_warning_count(clean), 0);
  nf_caption_close(clean);
}

static void refused(const char *at, isize len, const char *part) {
  nf_caption *doc = nullptr;
  nf_error error = {};
  assert_int_equal(nf_caption_open(bytes_of(at, len), &doc, &error), NF_BAD_INPUT);
  assert_null(doc);
  if (strstr(error.line, part) == nullptr) fail_msg("'%s' lacks '%s'", error.line, part);
  assert_null(strchr(error.line, '\n'));
}

static void what_is_no_caption_file_is_refused_in_one_line(void **state) {
  (void)state;
  refused("", 0, "line 1: empty file");
  refused("just\nsome words\n", 16, "line 1: no cue found");
  refused("\xEF\xBB\xBF", 3, "no cue found");
  refused("1\n" T1 "a\0b\n", 2 + 30 + 4, "line 3: NUL byte");
  refused("\xFF\xFE", 2, "no cue found");
  isize big = (64 << 20) + 1;
  char *bytes = malloc((size_t)big);
  memset(bytes, 'a', (size_t)big);
  refused(bytes, big, "at most 67108864 expected");
  free(bytes);
  nf_caption *header = doc_of("WEBVTT"); /* a valid file without a cue */
  assert_int_equal(nf_caption_cue_count(header), 0);
  nf_caption_close(header);
}

static u32 rng = 12345;
static u32 random_below(u32 n) {
  rng = rng * 1664525 + 1013904223;
  return (rng >> 8) % n;
}

static void mutate_and_check(const char *name, nf_bytes file) {
  for (int round = 0; round < 60; round++) {
    u8 *copy = malloc((size_t)file.len + 8);
    memcpy(copy, file.at, (size_t)file.len);
    isize len = file.len;
    for (u32 k = 1 + random_below(4); k > 0 && len > 8; k--) {
      isize at = (isize)random_below((u32)len);
      switch (random_below(4)) {
        case 0: copy[at] = (u8)random_below(256); break;
        case 1: memmove(copy + at, copy + at + 1, (size_t)(len - at - 1)), len--; break;
        case 2: copy[at] = (u8) "\n\r:->01 ,."[random_below(10)]; break;
        default: len = at + 1; break; /* cut */
      }
    }
    nf_caption *doc = nullptr;
    nf_error error = {};
    if (nf_caption_open(bytes_of(copy, len), &doc, &error) == NF_OK) {
      if (!bytes_equal(doc_write(doc), bytes_of(copy, len))) fail_msg("%s: mutation lost", name);
      nf_caption_close(doc);
    } else {
      assert_true(error.line[0] != 0);
    }
    free(copy);
  }
}

static void any_mutation_is_saved_unchanged(void **state) {
  (void)state;
  corpus_each(mutate_and_check);
}

/* ---- encodings ---- */

static void each_encoding_is_read_and_kept(void **state) {
  (void)state;
  static const struct {
    const char *file;
    const char *text;
  } cases[] = {{"utf16le.srt", "H\xC3\xA9llo \xF0\x9F\x91\x8B there."},
               {"utf16be.srt", "\xD0\x96\xD1\x83\xD0\xBA there."},
               {"utf16le_no_bom.srt", "Hello there."},
               {"cp1252.srt",
                "D\xC3\xA9j\xC3\xA0 vu \xE2\x80\x93 \xE2\x80\x9Cquoted\xE2\x80\x9D \xE2\x82\xAC"
                "5"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[256];
    snprintf(path, sizeof path, NF_SOURCE_DIR "/tests/data/captions/%s", cases[i].file);
    nf_bytes file = file_load(path);
    nf_caption *doc = doc_of_bytes(file);
    assert_text(cue_at(doc, 0).text, cases[i].text);
    nf_bytes new_text = bytes_from_str("caf\xC3\xA9 \xE2\x80\xA6"); /* in all of them */
    assert_int_equal(nf_caption_text_set(doc, 0, new_text, nullptr), NF_OK);
    nf_caption *again = doc_of_bytes(doc_write(doc));
    assert_bytes(cue_at(again, 0).text, new_text);
    assert_bytes(cue_at(again, 1).text, cue_at(doc, 1).text);
    nf_bytes out = doc_write(doc);
    assert_memory_equal(out.at, file.at, 2); /* the same BOM, or none */
    nf_caption_close(again);
    nf_caption_close(doc);
    bytes_free(file);
  }
}

static void a_letter_windows_1252_lacks_makes_the_file_utf8(void **state) {
  (void)state;
  nf_caption *doc = doc_of("1\n" T1 "d\xE9j\xE0\n\n2\n" T2 "vu\n");
  assert_int_equal(nf_caption_text_set(doc, 1, bytes_from_str("\xD0\x96"), nullptr), NF_OK);
  assert_text(doc_write(doc),
              "\xEF\xBB\xBF"
              "1\n" T1 "d\xC3\xA9j\xC3\xA0\n\n2\n" T2 "\xD0\x96\n");
  assert_int_equal(nf_caption_warning_count(doc), 1);
  nf_caption_warning w;
  nf_caption_warning_get(doc, 0, &w);
  assert_int_equal(w.line, 5);
  assert_non_null(strstr(w.what, "Windows-1252"));
  assert_int_equal(nf_caption_text_set(doc, 1, bytes_from_str("\xC3\xA0"), nullptr), NF_OK);
  assert_text(doc_write(doc), "1\n" T1 "d\xE9j\xE0\n\n2\n" T2 "\xE0\n"); /* and back */
  assert_int_equal(nf_caption_warning_count(doc), 0);
  nf_caption_close(doc);
}

/* ---- changes ---- */

static void changes_keep_the_files_habits(void **state) {
  (void)state;
  nf_caption *doc = doc_of("1\r\n00:01.000 --> 00:02.000\r\na\r\nb\r\n\r\n2\n" T2 "c");
  assert_int_equal(nf_caption_text_set(doc, 0, bytes_from_str("x\ny\nz"), nullptr), NF_OK);
  assert_int_equal(nf_caption_times_set(doc, 0, 1000, 59999, nullptr), NF_OK);
  assert_int_equal(nf_caption_times_set(doc, 1, 3600000, 360000000, nullptr), NF_OK);
  assert_text(doc_write(doc),
              "1\r\n00:01.000 --> 00:59.999\r\nx\r\ny\r\nz\r\n\r\n2\n"
              "01:00:00,000 --> 100:00:00,000\nc");
  nf_caption_close(doc);
}

/* The text of a cue lies in the document's own pool, which moves when it grows. */
static void a_documents_own_text_can_be_given_to_a_cue(void **state) {
  (void)state;
  nf_caption *doc = doc_of("1\n" T1 "a\n\n2\n" T2 "b\n");
  static char text[3000];
  memset(text, 'y', sizeof text - 1);
  assert_int_equal(nf_caption_text_set(doc, 0, bytes_from_str(text), nullptr), NF_OK);
  assert_int_equal(nf_caption_text_set(doc, 1, cue_at(doc, 0).text, nullptr), NF_OK);
  assert_true(bytes_equal(cue_at(doc, 1).text, bytes_from_str(text)));
  nf_caption_close(doc);
}

static void text_that_would_end_the_cue_is_refused(void **state) {
  (void)state;
  nf_caption *srt = doc_of("1\n" T1 "a\n"), *vtt = doc_of("WEBVTT\n\n" V1 "a\n");
  static const char *const both[] = {"a\n\nb", "\na", "a\n", "\xFF"};
  nf_error error;
  for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
    assert_int_equal(nf_caption_text_set(srt, 0, bytes_from_str(both[i]), &error), NF_BAD_INPUT);
    assert_int_equal(nf_caption_text_set(vtt, 0, bytes_from_str(both[i]), &error), NF_BAD_INPUT);
  }
  assert_int_equal(nf_caption_text_set(vtt, 0, bytes_from_str("a --> b"), &error), NF_BAD_INPUT);
  assert_int_equal(nf_caption_text_set(srt, 0, bytes_from_str("a --> b"), &error), NF_OK);
  assert_int_equal(nf_caption_text_set(srt, 0, bytes_from_str(T2 "b"), &error), NF_BAD_INPUT);
  assert_int_equal(nf_caption_text_set(srt, 0, bytes_of("a\0b", 3), &error), NF_BAD_INPUT);
  assert_text(cue_at(vtt, 0).text, "a");
  assert_int_equal(nf_caption_times_set(srt, 0, -1, 5, &error), NF_BAD_INPUT);
  assert_int_equal(nf_caption_times_set(srt, 0, 6, 5, &error), NF_BAD_INPUT);
  nf_caption_close(srt);
  nf_caption_close(vtt);
}

static void cues_are_put_in_and_taken_out(void **state) {
  (void)state;
  nf_bytes text = bytes_from_str("new\ncue");
  nf_caption *doc = doc_of("1\r\n" T1 "a\r\n\r\n2\r\n" T2 "b");
  assert_int_equal(nf_caption_cue_insert(doc, 1, 2100, 2900, text, nullptr), NF_OK);
  assert_int_equal(nf_caption_cue_insert(doc, 3, 5000, 6000, text, nullptr), NF_OK);
  assert_int_equal(cue_at(doc, 1).line, 0);
  assert_text(doc_write(doc),
              "1\r\n" T1 "a\r\n\r\n2\n00:00:02,100 --> 00:00:02,900\nnew\ncue\n\n2\r\n" T2
              "b\n\n3\n00:00:05,000 --> 00:00:06,000\nnew\ncue\n");
  assert_int_equal(nf_caption_cue_remove(doc, 3, nullptr), NF_OK);
  assert_int_equal(nf_caption_cue_remove(doc, 1, nullptr), NF_OK);
  assert_text(doc_write(doc), "1\r\n" T1 "a\r\n\r\n2\r\n" T2 "b");
  assert_int_equal(nf_caption_cue_remove(doc, 0, nullptr), NF_OK);
  assert_text(doc_write(doc), "2\r\n" T2 "b");
  nf_caption_close(doc);
  doc = doc_of("WEBVTT");
  assert_int_equal(nf_caption_cue_insert(doc, 0, 0, 1000, text, nullptr), NF_OK);
  assert_text(doc_write(doc), "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nnew\ncue\n");
  nf_caption_close(doc);
}

/* Insertions and removals at random, against a plain list of texts; saved and read again. */
static void random_changes_read_back(void **state) {
  (void)state;
  for (int round = 0; round < 100; round++) {
    nf_caption *doc =
        doc_of(round % 2 ? "1\n" T1 "a\n\n2\n" T2 "b\n" : "WEBVTT\n\n" V1 "a\n\nNOTE x\n\n" V1 "b");
    for (int k = 0; k < 30; k++) {
      i32 n = nf_caption_cue_count(doc);
      char text[32];
      snprintf(text, sizeof text, "text %u\nline", random_below(1000));
      nf_bytes bytes = bytes_from_str(text);
      u32 what = random_below(3);
      if (what == 0 || n == 0) {
        i32 at = (i32)random_below((u32)n + 1);
        assert_int_equal(nf_caption_cue_insert(doc, at, k, k + 1, bytes, nullptr), NF_OK);
      } else if (what == 1) {
        assert_int_equal(nf_caption_text_set(doc, (i32)random_below((u32)n), bytes, nullptr),
                         NF_OK);
      } else if (n > 1) {
        assert_int_equal(nf_caption_cue_remove(doc, (i32)random_below((u32)n), nullptr), NF_OK);
      }
    }
    nf_caption *again = doc_of_bytes(doc_write(doc));
    assert_int_equal(nf_caption_cue_count(again), nf_caption_cue_count(doc));
    for (i32 i = 0; i < nf_caption_cue_count(doc); i++) {
      assert_bytes(cue_at(again, i).text, cue_at(doc, i).text);
      assert_int_equal(cue_at(again, i).start_ms, cue_at(doc, i).start_ms);
    }
    nf_caption_close(again);
    nf_caption_close(doc);
  }
}

/* The limit is 20 ms in a release build; ten times that here, so that a sanitizer or a busy
 * machine does not fail it but anything quadratic does. */
static void five_thousand_cues_open_quickly(void **state) {
  (void)state;
  char *file = malloc(1 << 20);
  int len = 0;
  for (int i = 0; i < 5000; i++) {
    len += snprintf(file + len, 200,
                    "%d\n%02d:%02d:%02d,000 --> %02d:%02d:%02d,900\nA line of text,\n"
                    "and <i>another</i> one.\n\n",
                    i + 1, i / 3600, i / 60 % 60, i % 60, i / 3600, i / 60 % 60, i % 60);
  }
  i64 from = os_clock_ns();
  nf_caption *doc = doc_of_bytes(bytes_of(file, len));
  f64 ms = (f64)(os_clock_ns() - from) / 1e6;
  printf("5,000 cues (%d bytes) open in %.2f ms\n", len, ms);
  assert_int_equal(nf_caption_cue_count(doc), 5000);
  assert_true(ms < 200);
  nf_caption_close(doc);
  free(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_file_is_saved_unchanged),
      cmocka_unit_test(a_change_taken_back_is_no_change),
      cmocka_unit_test(a_change_touches_only_its_text),
      cmocka_unit_test(cues_have_what_the_file_says),
      cmocka_unit_test(every_oddity_has_a_warning_with_its_line),
      cmocka_unit_test(what_is_no_caption_file_is_refused_in_one_line),
      cmocka_unit_test(any_mutation_is_saved_unchanged),
      cmocka_unit_test(each_encoding_is_read_and_kept),
      cmocka_unit_test(a_letter_windows_1252_lacks_makes_the_file_utf8),
      cmocka_unit_test(changes_keep_the_files_habits),
      cmocka_unit_test(a_documents_own_text_can_be_given_to_a_cue),
      cmocka_unit_test(text_that_would_end_the_cue_is_refused),
      cmocka_unit_test(cues_are_put_in_and_taken_out),
      cmocka_unit_test(random_changes_read_back),
      cmocka_unit_test(five_thousand_cues_open_quickly),
  };
  return cmocka_run_group_tests_name("caption document", tests, nullptr, nullptr);
}
