/* Tests of the rules: what is found, what is chosen, what comes of it. No model. */
#include <string.h>

#include "base/utf8.h"
#include "cmocka_all.h"
#include "edit/rules.h"

static u8 block[1 << 20];

static nf_bytes b(const char *s) { return bytes_from_str(s); }

/* What the task makes of a text; shorten: in chars_max characters, null when that is too few. */
static const char *made(nf_task task, const char *text, isize chars_max) {
  static u8 out[512];
  arena a = arena_of(block, sizeof block);
  nf_bytes protect[] = {b("Actually Ltd")};
  rule_change changes[RULE_CHANGES_MAX];
  isize n = -1, len = -1;
  assert_int_equal(rules_find(task, b(text), protect, 1, &a, changes, RULE_CHANGES_MAX, &n), NF_OK);
  for (isize i = 0; i < n; i++) {
    assert_true(0 <= changes[i].from && changes[i].from < changes[i].to);
    assert_true(changes[i].to <= (i32)strlen(text) && !changes[i].chosen);
    if (i > 0) assert_true(changes[i - 1].to <= changes[i].to);
  }
  if (task != NF_TASK_SHORTEN) {
    rules_choose_all(changes, n);
  } else if (!rules_choose(b(text), chars_max, a, changes, n)) {
    return nullptr;
  }
  assert_int_equal(rules_apply(b(text), changes, n, a, out, sizeof out - 1, &len), NF_OK);
  out[len] = 0;
  if (task == NF_TASK_SHORTEN && chars_max > 0) {
    assert_true(grapheme_count(bytes_of(out, len)) <= chars_max);
  }
  return (const char *)out;
}

static void shortened(const char *text, isize chars_max, const char *want) {
  const char *got = made(NF_TASK_SHORTEN, text, chars_max);
  if (want == nullptr) {
    if (got != nullptr) fail_msg("%s: %s", text, got);
    return;
  }
  assert_non_null(got);
  assert_string_equal(got, want);
}

static void fillers_go_without_a_limit(void **state) {
  (void)state;
  shortened("Well, you know, it basically works.", 0, "It works.");
  shortened("It was, you know, cold.", 0, "It was cold.");
  shortened("Well done, everyone.", 0, "Well done, everyone.");
  shortened("She is a kind of bee expert.", 0, "She is a kind of bee expert.");
  shortened("It is kind of strange.", 0, "It is strange.");
  shortened("You know, it works. Bees, you know.", 0, "It works. Bees.");
  shortened("They didn't actually like my kind of music.", 0, "They didn't like my kind of music.");
  shortened("What do you know about bees?", 0, "What do you know about bees?");
  shortened("- Um, yes.", 0, "- Yes.");
  shortened("caf\xC3\xA9 is, like, closed", 0, "caf\xC3\xA9 is closed");
}

static void what_costs_least_goes_until_it_fits(void **state) {
  (void)state;
  shortened("We do not really know it.", 18, "We do not know it.");
  shortened("We do not really know it.", 17, "We don't know it.");
  shortened("We do not know it at all.", 5, nullptr);
  shortened("It was not cold of course.", 19, "It was not cold."); /* a filler may */
  shortened("Tell me quickly, then.", 15, nullptr); /* the last word stays */
  shortened("Tell me quickly, of course.", 16, "Tell me quickly.");
  shortened("It is very much so, honestly and well.", 30, nullptr);
  shortened("We do not know it at all.", 25, "We do not know it at all."); /* fits */
  shortened("I think that it is very late.", 24, "I think it is very late.");
  shortened("I think that it is very late.", 16, "It is very late.");
  shortened("So I really do not know, of course.", 29, "So I really do not know.");
}

static void shortened_never(const char *text, const char *part) {
  for (isize limit = 5; limit < (isize)strlen(text); limit++) {
    const char *got = made(NF_TASK_SHORTEN, text, limit);
    if (got != nullptr && strstr(got, part) == nullptr) fail_msg("%td: %s", limit, got);
  }
}

static void negations_numbers_names_and_terms_stay(void **state) {
  (void)state;
  shortened_never("It is not just big, not really, you know.", "not");
  shortened_never("I do not really think that it was very good.", "n");
  shortened_never("Well, about 12 people really saw it, I think.", "12");
  shortened_never("Of course, we were actually in Of Course Land then.", "Of Course Land");
  shortened_never("They actually work at Actually Ltd now.", "Actually Ltd");
  shortened_never("That is what it is. Yes, I am.", "I am.");
  shortened_never("Look where you are now, you know.", "you are now");
}

static void shouted_and_open_sentences_keep_their_case(void **state) {
  (void)state;
  shortened("I DO NOT KNOW IF IT IS TRUE", 26, "I DON'T KNOW IF IT IS TRUE");
  shortened("well, it is late", 10, "it is late");
  shortened("Stop. Well, it is late.", 17, "Stop. It is late.");
}

static void articles_follow(void **state) {
  (void)state;
  shortened("It was a really old house.", 22, "It was an old house.");
  assert_string_equal(made(NF_TASK_SIMPLE, "He took an objective.", 0), "He took a goal.");
}

static void formal_writes_out(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"I'm gonna show you.", "I am going to show you."},
      {"Don't you know?", "Do you not know?"},
      {"He can't, won't and shan't.", "He cannot, will not and shall not."},
      {"It's been cold. It's cold.", "It has been cold. It is cold."},
      {"He'd better go. He'd go.", "He had better go. He would go."},
      {"John's dog isn't mine.", "John's dog is not mine."},
      {"That's Dana's.", "That is Dana's."},
      {"Let's go.", "Let us go."},
      {"We've got 2 kids.", "We have 2 children."},
      {"KIDS DON'T CARE", "CHILDREN DO NOT CARE"},
      {"A lot of people saw it.", "Many people saw it."},
      {"Why isn't my bill paid?", "Why isn't my bill paid?"},
      {"Why didn't you go? Don't go.", "Why did you not go? Do not go."},
      {"The report is ready.", "The report is ready."},
  };
  for (isize i = 0; i < (isize)(sizeof pairs / sizeof *pairs); i++) {
    assert_string_equal(made(NF_TASK_FORMAL, pairs[i][0], 0), pairs[i][1]);
  }
}

static void casual_contracts(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"I am going to show you.", "I'm gonna show you."},
      {"I am going to the store.", "I'm going to the store."},
      {"We have seen it. We have a dog.", "We've seen it. We have a dog."},
      {"That is what it is.", "That's what it is."},
      {"What is it? What is it for?", "What is it? What's it for?"},
      {"How many people? Many people.", "How many people? A lot of people."},
      {"She has not wit.", "She hasn't wit."},
      {"Thank you very much. It is very much so.", "Thanks a lot. It's very much so."},
      {"The children have purchased it.", "The kids have bought it."},
      {"Do you want to see it?", "Do you wanna see it?"},
  };
  for (isize i = 0; i < (isize)(sizeof pairs / sizeof *pairs); i++) {
    assert_string_equal(made(NF_TASK_CASUAL, pairs[i][0], 0), pairs[i][1]);
  }
}

static void simple_verbs_keep_their_form(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"We utilize it.", "We use it."},
      {"She utilises it, utilizing all.", "She uses it, using all."},
      {"He endeavoured. He has endeavored.", "He tried. He has tried."},
      {"It conceals and modifies.", "It hides and changes."},
      {"They concealed it; it was concealed.", "They hid it; it was hidden."},
      {"It permitted us to go.", "It allowed us to go."},
      {"Attempts failed.", "Tries failed."},
      {"A residence was purchased.", "A home was bought."},
      {"An attempt.", "A try."},
      {"The bus is here.", "The bus is here."},
      {"It is connected and limited.", "It is connected and limited."}, /* no "permitted" */
      {"AI-generated text.", "AI-generated text."},
  };
  for (isize i = 0; i < (isize)(sizeof pairs / sizeof *pairs); i++) {
    assert_string_equal(made(NF_TASK_SIMPLE, pairs[i][0], 0), pairs[i][1]);
  }
}

static void fix_and_rewrite_have_none(void **state) {
  (void)state;
  assert_false(rules_known(NF_TASK_FIX) || rules_known(NF_TASK_REWRITE));
  assert_true(rules_known(NF_TASK_SHORTEN) && rules_known(NF_TASK_SIMPLE));
  assert_string_equal(made(NF_TASK_REWRITE, "So, I'm gonna go.", 0), "So, I'm gonna go.");
}

/* All that is chosen against the best of every subset, over texts with up to ten changes. */
static void the_choice_is_the_best(void **state) {
  (void)state;
  static const char *const texts[] = {
      "Well, I think that we really do not know it.",
      "So, you know, it is not really very, very good, I guess.",
      "And so I would just like to say that it is a lot of very good work.",
  };
  for (int t = 0; t < 3; t++) {
    for (isize limit = 12; limit < 50; limit += 3) {
      arena a = arena_of(block, sizeof block);
      rule_change changes[RULE_CHANGES_MAX];
      isize n, full = grapheme_count(b(texts[t]));
      assert_int_equal(rules_find(NF_TASK_SHORTEN, b(texts[t]), nullptr, 0, &a, changes, 14, &n),
                       NF_OK);
      f64 best = 1e9;
      for (u32 set = 0; set < 1u << n; set++) {
        f64 cost = 0;
        isize saved = 0, at = 0;
        bool apart = true;
        for (isize i = 0; i < n; i++) {
          if (!(set >> i & 1)) continue;
          const rule_change *c = &changes[i];
          isize one = c->to - c->from - c->instead.len;
          apart = apart && c->from >= at && one > 0;
          at = c->to;
          saved += one;
          cost += (f64)c->cost + 0.1;
        }
        if (!apart || full - saved > limit) continue;
        cost += 0.02 * (f64)isize_max(limit - (full - saved), 0);
        if (cost < best) best = cost;
      }
      bool found = rules_choose(b(texts[t]), limit, a, changes, n);
      if (full <= limit) continue;
      assert_int_equal(found, best < 1e9);
      f64 got = 0;
      isize saved = 0;
      for (isize i = 0; i < n; i++) {
        if (!changes[i].chosen) continue;
        got += (f64)changes[i].cost + 0.1;
        saved += changes[i].to - changes[i].from - changes[i].instead.len;
      }
      if (found) assert_true(got + 0.02 * (f64)(limit - (full - saved)) < best + 1e-4);
    }
  }
}

static void want_of_memory_is_said(void **state) {
  (void)state;
  arena a = arena_of(block, 64);
  rule_change changes[4];
  isize n;
  u8 out[4];
  assert_int_equal(
      rules_find(NF_TASK_FORMAL, b("I'm here, aren't I?"), nullptr, 0, &a, changes, 4, &n),
      NF_NO_MEMORY);
  a = arena_of(block, sizeof block);
  assert_int_equal(rules_apply(b("I am here."), changes, 0, a, out, 4, &n), NF_NO_MEMORY);
  assert_int_equal(rules_find(NF_TASK_CASUAL, b("I am here, you are here, he is here."), nullptr, 0,
                              &a, changes, 2, &n),
                   NF_OK);
  assert_int_equal(n, 2); /* no more than there is room for */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fillers_go_without_a_limit),
      cmocka_unit_test(what_costs_least_goes_until_it_fits),
      cmocka_unit_test(negations_numbers_names_and_terms_stay),
      cmocka_unit_test(shouted_and_open_sentences_keep_their_case),
      cmocka_unit_test(articles_follow),
      cmocka_unit_test(formal_writes_out),
      cmocka_unit_test(casual_contracts),
      cmocka_unit_test(simple_verbs_keep_their_form),
      cmocka_unit_test(fix_and_rewrite_have_none),
      cmocka_unit_test(the_choice_is_the_best),
      cmocka_unit_test(want_of_memory_is_said),
  };
  return cmocka_run_group_tests_name("rules", tests, nullptr, nullptr);
}
