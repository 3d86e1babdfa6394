/* Tests of the parts of edit/ that need no model: words and diff, guard, names,
 * line breaks. */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "edit/guard.h"
#include "edit/names.h"
#include "edit/rebreak.h"
#include "edit/words.h"

static u8 block[1 << 20];

static nf_bytes b(const char *s) { return bytes_from_str(s); }

/* Applying the changes to `before` must give `after`, by bytes and by UTF-16 offsets. */
static isize diff_applies(const char *before, const char *after) {
  arena a = arena_of(block, sizeof block);
  nf_change changes[64];
  isize n = -1;
  assert_int_equal(words_diff(b(before), b(after), &a, changes, 64, &n), NF_OK);
  char out[1024];
  isize len = 0, at = 0;
  for (isize i = 0; i < n; i++) {
    assert_true(changes[i].start >= at && changes[i].end >= changes[i].start);
    memcpy(out + len, before + at, (size_t)(changes[i].start - at));
    len += changes[i].start - at;
    memcpy(out + len, changes[i].replacement.at, (size_t)changes[i].replacement.len);
    len += changes[i].replacement.len;
    at = changes[i].end;
  }
  strcpy(out + len, before + at);
  assert_string_equal(out, after);
  return n;
}

static void a_diff_gives_whole_words(void **state) {
  (void)state;
  assert_int_equal(diff_applies("Their going too fast", "They're going too fast"), 1);
  assert_int_equal(diff_applies("same", "same"), 0);
  assert_int_equal(diff_applies("", "new"), 1);
  assert_int_equal(diff_applies("gone", ""), 1);
  assert_int_equal(diff_applies("the the car", "the car"), 1);
  assert_int_equal(diff_applies("we was there", "We were there."), 2);
  assert_int_equal(diff_applies("a b c d", "a x c y"), 2);
}

static void a_diff_counts_utf16(void **state) {
  (void)state;
  arena a = arena_of(block, sizeof block);
  nf_change c[8];
  isize n;
  assert_int_equal(words_diff(b("\U0001F600 é its"), b("\U0001F600 é it's"), &a, c, 8, &n), NF_OK);
  assert_int_equal(n, 1);
  assert_int_equal(c[0].start, 8);
  assert_int_equal(c[0].start16, 5); /* 2 + 1 + 1 + 1 */
  assert_int_equal(c[0].end16, 8);
}

static void random_diffs_apply(void **state) {
  (void)state;
  static const char *const words[] = {"we", "was", "the", "bees", "é", "10,000", ".", ",", "\n"};
  srand(7);
  for (int round = 0; round < 2000; round++) {
    char texts[2][300];
    for (int k = 0; k < 2; k++) {
      texts[k][0] = 0;
      for (int i = rand() % 20; i > 0; i--) {
        strcat(texts[k], words[rand() % 9]);
        if (rand() % 4) strcat(texts[k], " ");
      }
    }
    diff_applies(texts[0], texts[1]);
  }
}

static const char *refused(nf_task task, const char *before, const char *after) {
  arena a = arena_of(block, sizeof block);
  nf_bytes protect[] = {b("near field")};
  return guard_refuses(edit_task_of(task), b(before), b(after), protect, 1, &a);
}

static void the_guard_keeps_numbers_names_and_terms(void **state) {
  (void)state;
  assert_null(refused(NF_TASK_FIX, "we was there", "We were there."));
  assert_null(refused(NF_TASK_FIX, "me and Dana starts", "Me and Dana start"));
  assert_null(refused(NF_TASK_FIX, "their going too the libary", "They're going to the library"));
  assert_string_equal(refused(NF_TASK_FIX, "about 10,000 of them", "about 1,000 of them"),
                      "a number was lost");
  assert_string_equal(refused(NF_TASK_FIX, "stung 14 times", "stung fourteen times"),
                      "a number was lost");
  assert_string_equal(refused(NF_TASK_FIX, "some of them", "some 5 of them"), "a number was added");
  assert_null(refused(NF_TASK_FIX, "mp3 files is here", "MP3 files are here"));
  assert_string_equal(refused(NF_TASK_FIX, "so Dana left early", "so she left early"),
                      "a name was lost");
  assert_string_equal(refused(NF_TASK_FIX, "it have near field in it", "it has nearby field in it"),
                      "a protected term was lost");
  assert_string_equal(
      refused(NF_TASK_FIX, "the zephyr were cold", "the spasmodic tornado was cold"),
      "the meaning may have changed");
  assert_string_equal(refused(NF_TASK_FIX, "we was there", "We were there.\nNote: fixed"),
                      "a line was added");
  assert_string_equal(refused(NF_TASK_FIX, "hello there", "<b>hello</b> there"),
                      "markup was added");
  assert_string_equal(refused(NF_TASK_FIX, "one two three four five six", "one two"),
                      "too much was cut");
  assert_string_equal(refused(NF_TASK_FIX, "And they was here", "They were here"),
                      "the first word was left out");
  assert_string_equal(refused(NF_TASK_FIX, "it was a very big old house", "it was a house here"),
                      "words were left out");
  assert_null(
      refused(NF_TASK_FIX, "we walked for a a single trip", "We walked for a single trip."));
  assert_null(refused(NF_TASK_FIX, "they did not came", "They didn't come"));
  assert_string_equal(refused(NF_TASK_SHORTEN, "what do a bee do all day?", "A bee do all day."),
                      "a question was lost");
  assert_null(refused(NF_TASK_SHORTEN, "And then they really were here", "They were here"));
  assert_null(refused(NF_TASK_SHORTEN, "Well, they do not really like it", "They don't like it"));
  assert_string_equal(refused(NF_TASK_SHORTEN, "they like it a lot here", "they it like here"),
                      "words were put otherwise");
  assert_string_equal(refused(NF_TASK_SHORTEN, "the court sits with it", "court sits with it"),
                      "the first word was left out");
  assert_string_equal(refused(NF_TASK_SHORTEN, "they stop at the gate", "the gate"),
                      "the first word was left out");
  assert_string_equal(refused(NF_TASK_SHORTEN, "well, this is my brother", "this my brother"),
                      "a verb was left out");
  assert_null(refused(NF_TASK_SHORTEN, "well, it is my big brother", "it's my brother"));
  assert_string_equal(refused(NF_TASK_SHORTEN, "\"here you go,\" said the man", "here the man"),
                      "a quotation mark was left out");
  assert_string_equal(refused(NF_TASK_SHORTEN, "they asked me where I lived", "they asked me"),
                      "the last word was left out");
  assert_string_equal(refused(NF_TASK_SHORTEN, "they did not like it", "they did like it"),
                      "a negation was lost");
}

/* Slips that an answer mends are no new words; what was no word of the sentence may go. */
static void the_guard_knows_slips_from_other_words(void **state) {
  (void)state;
  static const struct {
    const char *before, *after, *why; /* null: it stands */
  } rows[] = {
      {"The buisness was begun by a lettle man.", "The business was begun by a little man.", 0},
      {"the vory next day he wake up", "The very next day he woke up", 0},
      {"Ifelt lost, butwhat could I do?", "I felt lost, but what could I do?", 0},
      {"\"Alright to,\" said Paul.", "\"All right,\" said Paul.", 0},
      {"the quiet stone was cold", "the noisy pebble was cold", "the meaning may have changed"},
      {"he put a cat on the bus", "he put a dog on the roof", "the meaning may have changed"},
      {"Erm James tok the long way", "James took the long way", 0},
      {"James tok the long way", "took the long way", "the first word was left out"},
      {"Once more they all tok it from us um", "more they all took it from us",
       "the first word was left out"},
      {"She sees the Sca- Scarecrow here", "She sees the Scarecrow here", 0},
      {"We met Sca - the Scarecrow here", "We met the Scarecrow here", "a name was lost"},
      {"she saw Connies hair", "she saw Connie's hair", 0},
      {"she saw Connies hair", "she saw Carol's hair", "a name was lost"},
      {"we are, sir, You're servants", "we are, sir, your servants", 0},
      {"we are, sir, Yorick servants", "we are, sir, your servants", "a name was lost"},
      {"yesterday we met Don", "yesterday we met him", "a name was lost"},
      {"yesterday I saw Will here", "yesterday I saw him here", "a name was lost"},
      {"they asked the IT people", "they asked the it people", 0},
      {"they ask for IT here", "they ask for us here", "a name was lost"},
      {"we Don't know", "we don't know", 0},
  };
  for (isize i = 0; i < (isize)(sizeof rows / sizeof *rows); i++) {
    const char *why = refused(NF_TASK_FIX, rows[i].before, rows[i].after);
    const char *found = why != nullptr ? why : "it stands";
    const char *want = rows[i].why != nullptr ? rows[i].why : "it stands";
    if (strcmp(found, want) != 0) fail_msg("%s: %s", rows[i].before, found);
  }
}

static void letters_apart(void **state) {
  (void)state;
  static const struct {
    const char *a, *b;
    isize distance;
  } rows[] = {{"", "", 0},         {"", "abc", 3},           {"Same", "sAME", 0},
              {"woke", "wake", 1}, {"tok", "took", 1},       {"buisness", "business", 1},
              {"ca", "abc", 3},    {"kitten", "sitting", 3}, {"recieve", "receive", 1}};
  for (isize i = 0; i < (isize)(sizeof rows / sizeof *rows); i++) {
    assert_int_equal(word_distance(b(rows[i].a), b(rows[i].b)), rows[i].distance);
    assert_int_equal(word_distance(b(rows[i].b), b(rows[i].a)), rows[i].distance);
  }
  const char *long_word = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn"; /* 40 */
  assert_int_equal(word_distance(b(long_word), b(long_word)), 40);
}

static void rebroken(const char *text, isize lines_max, isize line_chars, const char *want) {
  u8 out[512];
  isize len = -1;
  bool done = rebreak(b(text), NF_SRT, lines_max, line_chars, out, sizeof out - 1, &len);
  if (want == nullptr) {
    assert_false(done);
    return;
  }
  assert_true(done);
  out[len] = 0;
  assert_string_equal((char *)out, want);
}

static void lines_are_broken_anew_evenly(void **state) {
  (void)state;
  rebroken("one two\nthree\nfour", 2, 42, "one two three four");
  rebroken("one two\nthree\nfour", 2, 10, "one two\nthree four");
  rebroken("one two three four five six", 2, 20, "one two three\nfour five six");
  rebroken("<i class=\"a b\">one two</i>\nthree\nfour", 2, 10,
           "<i class=\"a b\">one two</i>\nthree four"); /* no break within a tag */
  rebroken("- Yes.\n- No.\nWhy", 2, 42, nullptr); /* who speaks would be lost */
  rebroken("<i>- Yes.</i>\n- No.\nWhy", 2, 42, nullptr);
  rebroken("one two three", 2, 4, nullptr); /* a word is wider than a line */
  rebroken("one two three four", 1, 10, nullptr);
}

static isize kept_of(const char *text, char spans[][24]) {
  arena a = arena_of(block, sizeof block);
  keep_span found[32];
  isize n = -1;
  nf_bytes terms[] = {b("near field")};
  assert_int_equal(keep_find(b(text), terms, 1, a, found, 32, &n), NF_OK);
  for (isize i = 0; i < n; i++) {
    isize len = found[i].to - found[i].from;
    memcpy(spans[i], text + found[i].from, (size_t)len);
    spans[i][len] = 0;
  }
  return n;
}

static void what_must_stay_is_found(void **state) {
  (void)state;
  char s[32][24];
  assert_int_equal(kept_of("So Dana sold 10,000 on friday with near field.", s), 5);
  assert_string_equal(s[0], "Dana");
  assert_string_equal(s[1], "10");
  assert_string_equal(s[2], "000");
  assert_string_equal(s[3], "friday");
  assert_string_equal(s[4], "near field");
  assert_int_equal(kept_of("I DO NOT KNOW", s), 0); /* capitals tell nothing there */
  assert_int_equal(kept_of("Well. Yes we nearfield", s), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_diff_gives_whole_words),
      cmocka_unit_test(a_diff_counts_utf16),
      cmocka_unit_test(random_diffs_apply),
      cmocka_unit_test(the_guard_keeps_numbers_names_and_terms),
      cmocka_unit_test(the_guard_knows_slips_from_other_words),
      cmocka_unit_test(letters_apart),
      cmocka_unit_test(lines_are_broken_anew_evenly),
      cmocka_unit_test(what_must_stay_is_found),
  };
  return cmocka_run_group_tests_name("edit parts", tests, nullptr, nullptr);
}
