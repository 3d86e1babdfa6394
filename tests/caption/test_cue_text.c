/* Cue text split into words and protected spans, and joined again: the identity on every cue of
 * the corpus, and what becomes of spans when the words change. */
#include "caption/cue_text.h"
#include "caption_files.h"

static u8 scratch[1 << 20];

/* The plain words of `text`, or with `edited` the joined text; a static buffer. */
static const char *joined(const char *text, const char *edited, bool plain_only) {
  static char out[8192];
  nf_bytes input = bytes_from_str(text);
  cue_text split;
  u8 plain[4096];
  isize plain_len, len = 0;
  assert_true(input.len < (isize)sizeof plain);
  assert_int_equal(cue_text_split(input, &split, plain, &plain_len), NF_OK);
  if (plain_only) {
    memcpy(out, plain, (size_t)plain_len);
    out[plain_len] = 0;
    return out;
  }
  nf_bytes words = edited == nullptr ? bytes_of(plain, plain_len) : bytes_from_str(edited);
  assert_int_equal(cue_text_join(&split, input, words, arena_of(scratch, sizeof scratch), (u8 *)out,
                                 sizeof out - 1, &len),
                   NF_OK);
  out[len] = 0;
  return out;
}

static void words_are_what_the_model_may_see(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"We had one hive, two suits and\na lot of confidence.",
       "We had one hive, two suits and a lot of confidence."},
      {"<i>You open the box.</i>", "You open the box."},
      {"{\\an8}<b>Up</b> here", "Up here"},
      {"<b>Dana:</b> He always cry at this part.", "He always cry at this part."},
      {"- I don't.\n- You does.", "I don't. You does."},
      {"\xE2\x99\xAA [gentle music] \xE2\x99\xAA", ""},
      {"\xE2\x99\xAA la la \xE2\x99\xAA", "la la"},
      {"DANA: Stop! [door slams]\n(laughs) No.", "Stop! No."},
      {"MAN 2: hello", "hello"},
      {"He said: hello", "He said: hello"},
      {"-5 degrees", "-5 degrees"},
      {"He [sighs] left", "He left"},
      {"a [b{\\i1]x} c", "a [b c"}, /* no bracket and no label ends in a tag */
      {"Ann{\\b: x}y hello", "Anny hello"},
      {"one (which is much longer) two", "one (which is much longer) two"},
      {"Q &amp; A &lt;x", "Q & A <x"},
      {"<v Dana Smith>Hi <00:00:01.000>you", "Hi you"},
      {"I <3 you & me", "I <3 you & me"},
      {" padded \n  lines ", "padded lines"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_string_equal(joined(cases[i][0], nullptr, true), cases[i][1]);
    assert_string_equal(joined(cases[i][0], nullptr, false), cases[i][0]);
  }
}

static void spans_stay_with_their_words(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      /* tags around the same words */
      {"<i>You open the box, and there alive.</i>", "Well, you open the box and they're alive!",
       "<i>Well, you open the box and they're alive!</i>"},
      {"A <i>worker fly</i> up", "A worker flies up", "A <i>worker flies</i> up"},
      {"A <i>worker</i>, fly up", "The workers, fly up", "The <i>workers</i>, fly up"},
      {"<b>Dana:</b> He always cry.", "Indeed he cries.", "<b>Dana:</b> Indeed he cries."},
      {"He [sighs] said it", "He has said it", "He has [sighs] said it"},
      /* breaks at the same words */
      {"bees doesn't care\nabout you're plans", "bees don't care about your plans",
       "bees don't care\nabout your plans"},
      {"Its louder\nthen you expect.", "It's louder than you expect.",
       "It's louder\nthan you expect."},
      {"up to five miles\nfor a a single trip.", "up to five miles for a single trip.",
       "up to five miles\nfor a single trip."},
      {"- I don't.\n- You does.", "I don't. You do.", "- I don't.\n- You do."},
      {"Line one\n<i>line two</i>\nline three", "Line one line two line three more",
       "Line one\n<i>line two</i>\nline three more"},
      /* a line that loses its words */
      {"- I don't.\n- You does.", "I don't.", "- I don't."},
      {"We had one hive, two suits and\na lot of confidence.", "We had one hive, two suits.",
       "We had one\nhive, two suits."},
      /* a line that would grow over 42 */
      {"We had one hive, two suits and\na lot of confidence.",
       "We had a hive and a great many more suits than anyone, and confidence.",
       "We had a hive and a great many more\nsuits than anyone, and confidence."},
      /* nothing is lost, even without words */
      {"He was <b>very</b> <i>happy</i> there", "", "<b></b><i></i>"},
      {"He was <b>very</b> <i>happy</i> there", "He was happy there",
       "He was <b></b><i>happy</i> there"},
      /* references where the text uses them */
      {"Q &amp; A", "Q & A & B < C", "Q &amp; A &amp; B &lt; C"},
      {"Q & A", "Q & A & B", "Q & A & B"},
      /* a model's line ends are blanks */
      {"one two", "one\nthree", "one three"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_string_equal(joined(cases[i][0], cases[i][1], false), cases[i][2]);
  }
}

static void every_cue_of_the_corpus_comes_back(const char *name, nf_bytes file) {
  nf_caption *doc = doc_of_bytes(file);
  for (i32 i = 0; i < nf_caption_cue_count(doc); i++) {
    nf_bytes text = cue_at(doc, i).text;
    char *copy = calloc(1, (size_t)text.len + 1);
    if (text.len > 0) memcpy(copy, text.at, (size_t)text.len);
    if (strcmp(joined(copy, nullptr, false), copy) != 0) fail_msg("%s: cue %d", name, i);
    free(copy);
  }
  nf_caption_close(doc);
}

static void join_of_split_is_the_text(void **state) {
  (void)state;
  corpus_each(every_cue_of_the_corpus_comes_back);
  nf_bytes talk = file_load(NF_SOURCE_DIR "/tests/data/talk.srt");
  every_cue_of_the_corpus_comes_back("talk.srt", talk);
  bytes_free(talk);
}

/* Random texts from pieces that bite, with random words left out and put in: tags keep their
 * order, no line begins with a blank that did not before, the identity holds. */
static void random_texts_keep_their_tags(void **state) {
  (void)state;
  static const char *const pieces[] = {
      "<i>",      "</i>",  "<b>",   "</b>", "{\\an8}", "\n",           "\n- ",
      " ",        " ",     "word",  "it's", "10,000",  "\xE2\x99\xAA", "[x]",
      "(laughs)", "DANA:", "&amp;", ", ",   ".",       "caf\xC3\xA9"};
  u32 rng = 99;
  for (int round = 0; round < 3000; round++) {
    char text[512] = "", edited[600] = "", tags[512] = "", got[512] = "";
    for (int k = 0; k < 20; k++) {
      rng = rng * 1664525 + 1013904223;
      strcat(text, pieces[(rng >> 8) % (sizeof pieces / sizeof *pieces)]);
    }
    assert_string_equal(joined(text, nullptr, false), text);
    char plain[512];
    strcpy(plain, joined(text, nullptr, true));
    for (char *word = strtok(plain, " "); word != nullptr; word = strtok(nullptr, " ")) {
      rng = rng * 1664525 + 1013904223;
      if ((rng >> 8) % 4 == 0) continue;
      if (edited[0] != 0) strcat(edited, " ");
      strcat(edited, (rng >> 12) % 5 == 0 ? "other" : word);
    }
    const char *out = joined(text, edited, false);
    for (const char *c = text; (c = strpbrk(c, "<{")) != nullptr; c++) {
      strncat(tags, c, strcspn(c, ">}"));
    }
    for (const char *c = out; (c = strpbrk(c, "<{")) != nullptr; c++) {
      strncat(got, c, strcspn(c, ">}"));
    }
    if (strcmp(tags, got) != 0) fail_msg("%s\n->\n%s\n->\n%s", text, edited, out);
  }
}

static void limits_are_statuses(void **state) {
  (void)state;
  char many[2048] = "";
  for (int i = 0; i < 300; i++) strcat(many, "<i>x");
  cue_text split;
  u8 plain[2048], out[64];
  isize plain_len, len;
  assert_int_equal(cue_text_split(bytes_from_str(many), &split, plain, &plain_len), NF_BAD_INPUT);
  nf_bytes text = bytes_from_str("<i>a b</i>");
  assert_int_equal(cue_text_split(text, &split, plain, &plain_len), NF_OK);
  nf_bytes words = bytes_of(plain, plain_len);
  arena enough = arena_of(scratch, cue_text_join_bytes(text.len, words.len));
  assert_int_equal(cue_text_join(&split, text, words, enough, out, 10, &len), NF_OK);
  assert_int_equal(len, 10);
  assert_int_equal(cue_text_join(&split, text, words, enough, out, 9, &len), NF_NO_MEMORY);
  assert_int_equal(cue_text_join(&split, text, words, arena_of(scratch, 64), out, 64, &len),
                   NF_NO_MEMORY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_what_the_model_may_see),
      cmocka_unit_test(spans_stay_with_their_words),
      cmocka_unit_test(join_of_split_is_the_text),
      cmocka_unit_test(random_texts_keep_their_tags),
      cmocka_unit_test(limits_are_statuses),
  };
  return cmocka_run_group_tests_name("cue text", tests, nullptr, nullptr);
}
