/* An edit that a model elsewhere answers: what it is asked, how its answer is cleaned, and that the
 * constraints hold whatever it says. No model. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "edit/remote.h"
#include "nearfield.h"

static nf_remote *remote;

static nf_bytes str(const char *s) { return bytes_from_str(s); }

static void begin(const nf_edit_desc *desc) {
  nf_error error = {};
  if (nf_remote_begin(remote, desc, &error) != NF_OK) fail_msg("%s", error.line);
}

/* The edit with one answer: "" and the verdict's why where none held. */
static const char *answered(const nf_edit_desc *desc, const char *answer, const char **why,
                            nf_verdict *verdict) {
  static char text[8192];
  nf_edit_result result;
  begin(desc);
  nf_remote_take(remote, str(answer), true);
  bool held = nf_remote_finish(remote, &result);
  *why = result.why;
  *verdict = result.verdict;
  memcpy(text, result.text.at, (size_t)result.text.len);
  text[result.text.len] = 0;
  if (!held) assert_true(bytes_equal(result.text, desc->text));
  return held ? text : "";
}

static void answers_are_cleaned_by_rules(void **state) {
  (void)state;
  static const char plain[] = "their going too the libary";
  static const struct {
    const char *answer, *clean, *why;
  } rows[] = {
      {"They're going", "They're going", nullptr},
      {" \n They're going\r\n", "They're going", nullptr},
      {"\"They're going\"", "They're going", nullptr},
      {"'They're going'", "They're going", nullptr},
      {"\u201CThey're going\u201D", "They're going", nullptr},
      {"`They're going`", "They're going", nullptr},
      {"Corrected: They're going", "They're going", nullptr},
      {"Here is the corrected caption: \"They're going\"", "They're going", nullptr},
      {"**Corrected caption:** They're going", "They're going", nullptr},
      {"Sure! Here's your text:\n\nThey're going", "They're going", nullptr},
      {"\"Yes,\" he said, \"no\"", "\"Yes,\" he said, \"no\"", nullptr},
      {"He said: go", "He said: go", nullptr},
      {"", nullptr, "the answer is empty"},
      {" \"\" ", nullptr, "the answer is empty"},
      {"Caption:", nullptr, "the answer is empty"},
      {"They're\ngoing", nullptr, "the answer has several lines"},
      {"They're\tgoing", nullptr, "the answer has control characters"},
      {"They're \u202Egoing", nullptr, "the answer has hidden characters"},
      {"They're \u061Cgoing", nullptr, "the answer has hidden characters"},
      {"They're \u00ADgoing", nullptr, "the answer has hidden characters"},
      {"They're \u180Egoing", nullptr, "the answer has hidden characters"},
      {"They're \uFFF9going", nullptr, "the answer has hidden characters"},
      {"They're \uFFFBgoing", nullptr, "the answer has hidden characters"},
      {"They're \U000E0000going", nullptr, "the answer has hidden characters"},
      {"They're \U000E0041going", nullptr, "the answer has hidden characters"},
      {"They're \U000E007Fgoing", nullptr, "the answer has hidden characters"},
      {"They're <b>going", nullptr, "markup was added"},
      {"They're {\\b1}going", nullptr, "markup was added"},
      {"They're --> going", nullptr, "markup was added"},
      {"They're \xFF", nullptr, "the answer is not UTF-8"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *why;
    nf_bytes clean = remote_answer_clean(str(rows[i].answer), str(plain), &why);
    if (rows[i].why != nullptr) {
      assert_null(clean.at);
      assert_string_equal(why, rows[i].why);
    } else if (!bytes_equal(clean, str(rows[i].clean))) {
      fail_msg("row %zu: %.*s", i, (int)clean.len, (const char *)clean.at);
    }
  }
}

static void what_the_caption_has_stays(void **state) {
  (void)state;
  static const char *const own[] = {"\"They are here\"", "Answer: they are here",
                                    "'Tis late'",        "a\u200Db",
                                    "a\u00ADb",          "x --> y"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    const char *why;
    nf_bytes clean = remote_answer_clean(str(own[i]), str(own[i]), &why);
    assert_true(bytes_equal(clean, str(own[i])));
  }
  static char huge[REMOTE_ANSWER_BYTES_MAX + 2];
  memset(huge, 'a', sizeof huge - 1);
  const char *why;
  assert_null(remote_answer_clean(str(huge), str("a"), &why).at);
  assert_string_equal(why, "the answer is too long");
}

static void the_question_has_words_limits_and_context(void **state) {
  (void)state;
  nf_bytes protect[] = {str("near field"), str("libary")};
  nf_edit_desc desc = {.task = NF_TASK_FIX,
                       .text = str("<i>their going</i>\ntoo the libary &amp; home"),
                       .format = NF_VTT,
                       .before = str("{\\an8}We <b>met</b>\nDana."),
                       .after = str("Then left."),
                       .max_chars = 40,
                       .max_lines = 2,
                       .protect = protect,
                       .n_protect = 2};
  nf_message m[NF_REMOTE_MESSAGES_MAX];
  char all[8192] = "", last[4096];
  begin(&desc);
  assert_false(nf_remote_settled(remote));
  i32 n = nf_remote_messages(remote, m);
  assert_int_equal(n, 6); /* system, two examples, the caption */
  for (i32 i = 0; i < n; i++) strncat(all, (const char *)m[i].text.at, (size_t)m[i].text.len);
  assert_int_equal(m[0].role, NF_SYSTEM);
  assert_non_null(strstr(all, "Keep exactly as they are: near field; libary."));
  assert_non_null(strstr(all, "Use at most 40 characters."));
  snprintf(last, sizeof last, "%.*s", (int)m[n - 1].text.len, (const char *)m[n - 1].text.at);
  assert_string_equal(last,
                      "Context before: We met Dana.\nContext after: Then left.\n"
                      "Caption: their going too the libary & home");
}

static void an_answer_is_held_to_the_constraints(void **state) {
  (void)state;
  nf_bytes protect[] = {str("near field")};
  nf_edit_desc desc = {.task = NF_TASK_FIX,
                       .text = str("<i>me and Dana was</i>\nin the near field at 9"),
                       .protect = protect,
                       .n_protect = 1};
  static const struct {
    const char *answer, *text, *why;
  } rows[] = {
      {"Me and Dana were in the near field at 9", "<i>Me and Dana were</i>\nin the near field at 9",
       "ok"},
      {"Corrected: \"Me and Dana were in the near field at 9.\"",
       "<i>Me and Dana were</i>\nin the near field at 9.", "ok"},
      {"Me and Dana were in the near field", "", "a number was lost"},
      {"Me and Dana were in the near field at 10", "", "a number was lost"},
      {"Me and Donna were in the near field at 9", "", "a name was lost"},
      {"Me and Dana were in the far field at 9", "", "a protected term was lost"},
      {"Me and Dana were in the <b>near field</b> at 9", "", "markup was added"},
      {"I cannot help with that request, as an assistant", "", "a protected term was lost"},
      {"", "", "the answer is empty"},
      {"me and Dana was in the near field at 9", "<i>me and Dana was</i>\nin the near field at 9",
       "already right"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *why;
    nf_verdict verdict;
    const char *got = answered(&desc, rows[i].answer, &why, &verdict);
    if (strcmp(got, rows[i].text) != 0) fail_msg("row %zu: '%s' (%s)", i, got, why);
    if (strcmp(why, rows[i].why) != 0) fail_msg("row %zu: %s", i, why);
    assert_int_equal(verdict, strcmp(why, "ok") == 0 ? NF_CHANGED : NF_UNCHANGED);
  }
}

static void a_caption_with_a_bracket_of_its_own_gets_no_tag(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_FIX, .text = str("their going too the libary <3")};
  const char *why;
  nf_verdict verdict;
  assert_string_equal(answered(&desc, "They're going to the <b>library <3", &why, &verdict), "");
  assert_string_equal(why, "markup was added");
  assert_string_equal(answered(&desc, "They're going to the <b>library", &why, &verdict), "");
  assert_string_equal(why, "markup was added");
  assert_string_equal(answered(&desc, "They're going to the library <3", &why, &verdict),
                      "They're going to the library <3");
}

/* A break ends a bracket that would be a tag: where the break has to move, there would be one, and
 * what stands in it would not be seen any more. */
static void a_break_that_moves_makes_no_tag(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_FIX,
                       .text = str("I say <b\nc> their going too the libary of town")};
  const char *why;
  nf_verdict verdict;
  assert_string_equal(
      answered(&desc, "I say <b c> they're going to the library of town", &why, &verdict),
      "I say <b\nc> they're going to the library of town");
  assert_string_equal(
      answered(&desc, "I say <b c> they're going to the library of the town", &why, &verdict), "");
  assert_string_equal(why, "a tag was added or lost");
}

static void limits_hold_or_it_is_unfit(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_SHORTEN,
                       .text = str("Well, you know, the boat is really very far away from here."),
                       .max_chars = 40};
  const char *why;
  nf_verdict verdict;
  assert_string_equal(answered(&desc, "The boat is very far away from here.", &why, &verdict),
                      "The boat is very far away from here.");
  assert_int_equal(verdict, NF_CHANGED);
  const char *const refused[][2] = {
      {"You know, the boat is really very far away from here.", "the correction does not fit"},
      {"Well, you know, the boat is really very far away from here.", "already right"},
      {"The boat is away very far from here.", "words were put otherwise"},
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_string_equal(answered(&desc, refused[i][0], &why, &verdict), "");
    assert_string_equal(why, refused[i][1]);
    assert_int_equal(verdict, NF_UNFIT);
  }
}

static void versions_are_told_apart_and_a_cut_one_does_not_stand(void **state) {
  (void)state;
  nf_edit_desc desc = {
      .task = NF_TASK_FIX, .text = str("their going too the libary"), .n_variants = 3};
  nf_edit_result result;
  nf_variant second;
  begin(&desc);
  nf_remote_take(remote, str("They're going to the"), false);
  nf_remote_take(remote, str("They're going to the library."), true);
  nf_remote_take(remote, str("They're going to the library."), true);
  nf_remote_take(remote, str("They're going to the library!"), true);
  assert_true(nf_remote_finish(remote, &result));
  assert_int_equal(result.n_variants, 2);
  nf_remote_variant_get(remote, 1, &second);
  assert_true(bytes_equal(second.text, str("They're going to the library!")));
  assert_int_equal(result.receipt.passes, 0);
  begin(&desc);
  assert_false(nf_remote_finish(remote, &result));
  assert_string_equal(result.why, "no answer came");
}

static void what_needs_no_model_is_settled(void **state) {
  (void)state;
  nf_edit_result result;
  nf_edit_desc desc = {.task = NF_TASK_REWRITE, .text = str("12:30")};
  begin(&desc);
  assert_true(nf_remote_settled(remote));
  assert_true(nf_remote_finish(remote, &result));
  assert_string_equal(result.why, "no words to edit");
  desc = (nf_edit_desc){.task = NF_TASK_SHORTEN, .text = str("It is late."), .max_chars = 20};
  begin(&desc);
  assert_true(nf_remote_settled(remote) && nf_remote_finish(remote, &result));
  assert_string_equal(result.why, "fits already");
}

static void bad_requests_are_refused_with_a_line(void **state) {
  (void)state;
  static char huge[5000];
  memset(huge, 'a', sizeof huge - 1);
  const nf_edit_desc bad[] = {
      {.task = (nf_task)9, .text = str("a b")},
      {.text = str(huge)},
      {.text = str("a \xFF")},
      {.text = str("a b"), .before = str(huge)},
      {.text = str("a b"), .max_chars = -1},
      {.text = str("a b"), .n_variants = NF_VARIANTS_MAX + 1},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    nf_error error = {};
    assert_true(nf_remote_begin(remote, &bad[i], &error) < 0);
    assert_true(error.line[0] != 0);
  }
}

static int open_remote(void **state) {
  (void)state;
  return nf_remote_open(&remote, nullptr);
}
static int close_remote(void **state) {
  (void)state;
  nf_remote_close(remote);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_are_cleaned_by_rules),
      cmocka_unit_test(what_the_caption_has_stays),
      cmocka_unit_test(the_question_has_words_limits_and_context),
      cmocka_unit_test(an_answer_is_held_to_the_constraints),
      cmocka_unit_test(a_caption_with_a_bracket_of_its_own_gets_no_tag),
      cmocka_unit_test(a_break_that_moves_makes_no_tag),
      cmocka_unit_test(limits_hold_or_it_is_unfit),
      cmocka_unit_test(versions_are_told_apart_and_a_cut_one_does_not_stand),
      cmocka_unit_test(what_needs_no_model_is_settled),
      cmocka_unit_test(bad_requests_are_refused_with_a_line),
  };
  return cmocka_run_group_tests(tests, open_remote, close_remote);
}
