/* The gate by kind of change: which kind a change is, and what an answer has to be over. */
#include <string.h>

#include "cmocka_all.h"
#include "edit/gate.h"
#include "edit/tuning.h"
#include "edit/words.h"

static u8 block[1 << 18];

static nf_bytes b(const char *s) { return bytes_from_str(s); }

static const edit_gate by_kind = {.by_kind = true, .whole = 99, .kinds = {1, 2, 3, 4, 5, 6, 7}};

/* kinds: a bit each, of all changes; nats: the highest gate of by_kind's. */
static void a_change_is_of_its_kind(void **state) {
  (void)state;
  static const struct {
    const char *before, *after;
    u32 kinds;
    f32 nats;
  } rows[] = {
      {"its not over", "it's not over", 1 << GATE_MARKS, 1},
      {"We met dana here.", "We met Dana here.", 1 << GATE_MARKS, 1},
      {"Well I know.", "Well, I know.", 1 << GATE_MARKS, 1},
      {"Is it over.", "Is it over?", 1 << GATE_MARKS, 1},
      {"a full- time job", "a full-time job", 1 << GATE_MARKS, 1},
      {"and then we left", "And then we left", 1 << GATE_ENDS, 2},
      {"And then we left", "And then we left.", 1 << GATE_ENDS, 2},
      {"and then we left", "And then we left!", 1 << GATE_ENDS, 2},
      {"and then we left,", "and then we left.", 1 << GATE_MARKS, 1},
      {"and then we left", "and then, we left", 1 << GATE_MARKS, 1},
      {"They was here.", "They were here.", 1 << GATE_SMALL, 3},
      {"In a old house.", "In an old house.", 1 << GATE_SMALL, 3},
      {"The tounge is red.", "The tongue is red.", 1 << GATE_FORM, 4},
      {"She walk home.", "She walks home.", 1 << GATE_FORM, 4},
      {"They woke me.", "They wake me.", 1 << GATE_FORM, 4},
      {"The door right there.", "The door is right there.", 1 << GATE_ADDED, 5},
      {"We waited him.", "We waited for him.", 1 << GATE_ADDED, 5},
      {"We like the the car.", "We like the car.", 1 << GATE_LEFT_OUT, 6},
      {"We discuss about it.", "We discuss it.", 1 << GATE_LEFT_OUT, 6},
      {"The quiet house.", "The empty house.", 1 << GATE_OTHER, 7},
      {"We alot of it.", "We a lot of it.", 1 << GATE_MARKS, 1},
      {"He has went home.", "He went off.", 1 << GATE_LEFT_OUT | 1 << GATE_OTHER, 7},
      {"they was here", "They were here.", 1 << GATE_ENDS | 1 << GATE_SMALL, 3},
      {"we was happi", "We were happy", 1 << GATE_FORM, 4},
      {"we was happy", "We were joyful", 1 << GATE_OTHER, 7},
      {"The same.", "The same.", 0, 99},
  };
  for (isize i = 0; i < (isize)(sizeof rows / sizeof *rows); i++) {
    gate_bar bar;
    arena scratch = arena_of(block, sizeof block);
    assert_int_equal(gate_bar_of(&by_kind, b(rows[i].before), b(rows[i].after), scratch, &bar),
                     NF_OK);
    if (bar.kinds != rows[i].kinds) {
      fail_msg("%s -> %s: kinds %x, not %x", rows[i].before, rows[i].after, bar.kinds,
               rows[i].kinds);
    }
    if (bar.nats != rows[i].nats) fail_msg("%s: %f", rows[i].before, (double)bar.nats);
  }
}

static void one_gate_asks_for_the_same_of_all(void **state) {
  (void)state;
  static const edit_gate whole = {.whole = 4.25f, .kinds = {9, 9, 9, 9, 9, 9, 9}};
  gate_bar bar;
  arena scratch = arena_of(block, sizeof block);
  assert_int_equal(gate_bar_of(&whole, b("They was."), b("They were."), scratch, &bar), NF_OK);
  assert_true(bar.nats == 4.25f);
  assert_int_equal(bar.kinds, 1 << GATE_SMALL);
  assert_string_equal(bar.unsure, "not sure enough");
  assert_int_equal(gate_bar_of(&by_kind, b("They was."), b("They were."), scratch, &bar), NF_OK);
  assert_string_equal(bar.unsure, "not sure enough of a small word");
  arena none = arena_of(block, 16);
  assert_int_equal(gate_bar_of(&by_kind, b("a"), b("b"), none, &bar), NF_NO_MEMORY);
}

static void gates_of_a_file(void **state) {
  (void)state;
  const f32 kinds[GATE_KINDS + 1] = {1, -2, 3, 4, 5, 6, 7, 8};
  const f32 whole = 2.5f, wrong = __builtin_inff();
  edit_gate gate;
  nf_error error = {};
  assert_int_equal(edit_gate_of(&whole, nullptr, 0, &gate, &error), NF_OK);
  assert_true(!gate.by_kind && gate.whole == 2.5f);
  assert_int_equal(edit_gate_of(nullptr, kinds, GATE_KINDS, &gate, &error), NF_OK);
  assert_true(gate.by_kind && gate.kinds[GATE_ENDS] == -2 && gate.kinds[GATE_OTHER] == 7);
  assert_int_equal(edit_gate_of(nullptr, kinds, GATE_KINDS + 1, &gate, &error), NF_UNSUPPORTED);
  assert_non_null(strstr(error.line, "8 kinds of changes; this build knows 7"));
  assert_int_equal(edit_gate_of(&wrong, nullptr, 0, &gate, &error), NF_BAD_INPUT);
  f32 nan[GATE_KINDS] = {0, 0, 0, __builtin_nanf("")};
  assert_int_equal(edit_gate_of(nullptr, nan, GATE_KINDS, &gate, &error), NF_BAD_INPUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_change_is_of_its_kind),
      cmocka_unit_test(one_gate_asks_for_the_same_of_all),
      cmocka_unit_test(gates_of_a_file),
  };
  return cmocka_run_group_tests_name("gate", tests, nullptr, nullptr);
}
