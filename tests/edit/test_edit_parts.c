/* Tests of the parts of edit/ that need no model: words and diff, guard, names,
 * fillers, line breaks. */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "edit/fillers.h"
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
}

static void shortened(const char *text, isize chars_max, const char *want) {
  arena a = arena_of(block, sizeof block);
  u8 out[256];
  isize len = -1;
  nf_bytes protect[] = {b("Actually Ltd")};
  assert_int_equal(fillers_remove(b(text), chars_max, protect, 1, &a, out, &len), NF_OK);
  out[len] = 0;
  assert_string_equal((char *)out, want);
}

static void fillers_are_left_out_and_nothing_else(void **state) {
  (void)state;
  shortened("Well, you know, it basically works.", 0, "It works.");
  shortened("It was, you know, cold.", 0, "It was, cold.");
  shortened("Well done, everyone.", 0, "Well done, everyone.");
  shortened("She is a kind of bee expert.", 0, "She is a kind of bee expert.");
  shortened("It is kind of strange.", 0, "It is strange.");
  shortened("Um, yes", 0, "Um, yes"); /* two words must stay */
  shortened("We do not really know it.", 18, "We do not know it.");
  shortened("We do not really know it.", 17, "We don't know it.");
  shortened("We do not know it at all.", 5, "We don't know it at all."); /* never cuts a word */
  shortened("They work at Actually Ltd now.", 5, "They work at Actually Ltd now.");
  shortened("What do you know about bees?", 5, "What do you know about bees?");
  shortened("You know, it works. Bees, you know.", 0, "It works. Bees.");
  shortened("It is not just big, not really.", 5, "It isn't just big, not really.");
  shortened("They didn't actually like my kind of music.", 0, "They didn't like my kind of music.");
  shortened("That is what it is. Yes, I am. Here they are.", 5,
            "That's what it is. Yes, I am. Here they are.");
  shortened("Look where you are now.", 5, "Look where you are now.");
  shortened("I DO NOT KNOW IF IT IS TRUE", 5, "I DON'T KNOW IF IT'S TRUE");
  shortened("There is a lot of water in it.", 5, "There is lots of water in it.");
  shortened("In 1984 it literally rained 12 days.", 0, "In 1984 it rained 12 days.");
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
      cmocka_unit_test(fillers_are_left_out_and_nothing_else),
      cmocka_unit_test(lines_are_broken_anew_evenly),
      cmocka_unit_test(what_must_stay_is_found),
  };
  return cmocka_run_group_tests_name("edit parts", tests, nullptr, nullptr);
}
