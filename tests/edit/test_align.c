/* Guesses after a difference: each kind by hand, and passes per line on what the probe adapter
 * made of 140 captions (tests/data/probe_edits.tsv: tokens of the caption, tokens of the answer;
 * greedy, prompt of shared/probe; captions of shared/data/bench_edits.json and edit_lines.txt,
 * both written for this project). The guesses were tuned on other lines. */
#include <stdio.h>
#include <string.h>

#include "align_passes.h"
#include "cmocka_all.h"

constexpr isize TOKENS_MAX = 256;
typedef struct {
  i32 ids[TOKENS_MAX], ends[TOKENS_MAX];
  u8 text[2048];
  isize n;
} tokens;

static char known[4096][48]; /* id -> text; 0 is the end */
static i32 n_known = 1;

static i32 id_of(const char *text, size_t len) {
  for (i32 i = 1; i < n_known; i++) {
    if (strlen(known[i]) == len && memcmp(known[i], text, len) == 0) return i;
  }
  assert_true(n_known < 4096 && len < sizeof known[0]);
  memcpy(known[n_known], text, len);
  return n_known++;
}

/* "a| b|c" and the end */
static align_source read_tokens(const char *line, size_t len, tokens *out) {
  *out = (tokens){};
  isize bytes = 0;
  for (size_t at = 0; at < len;) {
    size_t end = at;
    while (end < len && line[end] != '|') end++;
    assert_true(out->n < TOKENS_MAX - 1);
    memcpy(out->text + bytes, line + at, end - at);
    bytes += (isize)(end - at);
    out->ids[out->n] = id_of(line + at, end - at);
    out->ends[out->n++] = (i32)bytes;
    at = end + 1;
  }
  out->ends[out->n++] = (i32)bytes; /* id 0 */
  return (align_source){.ids = out->ids, .ends = out->ends, .text = out->text, .n = out->n};
}

static isize passes_of(const char *source, const char *answer, isize rows) {
  tokens a, b;
  align_source s = read_tokens(source, strlen(source), &a);
  return align_passes(s, read_tokens(answer, strlen(answer), &b), rows).passes;
}

static void each_kind_of_change_costs_one_pass(void **state) {
  (void)state;
  assert_int_equal(passes_of("we| go| home|.", "we| go| home|.", 1), 1);
  assert_int_equal(passes_of("we| was| home|.", "we| were| home|.", 1), 2); /* substituted */
  assert_int_equal(passes_of("the| the| car|.", "the| car|.", 1), 2); /* deleted */
  assert_int_equal(passes_of("we| go| the| the| way", "we| go| the| way", 1), 2);
  assert_int_equal(passes_of("near| river", "near| the| river", 1), 2); /* inserted */
  assert_int_equal(passes_of("we| go| home", "we| go| home|.", 1), 2); /* at the end */
  assert_int_equal(passes_of("yes| we| go", "yes|,| we| go", 1), 2);
  assert_int_equal(passes_of("a| lib|ary| is", "a| library| is", 1), 2); /* one for two */
  assert_int_equal(passes_of("Their| going| home", "They|'re| going| home", 1),
                   3); /* two for one */
}

static void a_second_guess_saves_a_pass_where_the_first_was_wrong(void **state) {
  (void)state;
  /* an added word that is mostly put in another's place */
  assert_int_equal(passes_of("you| see| colors| now", "you| see| bright| colors| now", 0), 3);
  assert_int_equal(passes_of("you| see| colors| now", "you| see| bright| colors| now", 64), 2);
}

/* Off the source for good: plain steps, and drafts again where a token stands in the source. */
static void an_answer_off_the_source_falls_back_to_plain_steps(void **state) {
  (void)state;
  tokens t;
  const char *line = "a| b| c| d";
  align a = align_start(read_tokens(line, strlen(line), &t), 0);
  for (i32 i = 0; i < 3; i++) {
    assert_true(a.n_guesses > 0);
    align_leave(&a, 0, 0, 1000 + i, bytes_from_str(" zz"));
  }
  assert_int_equal(a.n_guesses, 0);
  align_leave(&a, 0, 0, id_of(" c", 2), bytes_from_str(" c"));
  assert_true(a.n_guesses > 0);
  assert_int_equal(a.guesses[0], 3);
}

static void guesses_lie_within_the_source(void **state) {
  (void)state;
  u64 seed = 5;
  for (int round = 0; round < 5000; round++) {
    tokens t;
    const char *line = "a|,| the| the| lib|ary|'s|.";
    align_source s = read_tokens(line, strlen(line), &t);
    align a = align_start(s, 0);
    for (int step = 0; step < 12; step++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      isize token = (isize)(seed >> 33) % s.n, from = token > 0 ? s.ends[token - 1] : 0;
      bool foreign = (seed >> 60) % 3 == 0;
      nf_bytes text = bytes_of(s.text + from, s.ends[token] - from);
      isize i = a.n_guesses > 0 ? (isize)(seed >> 40) % a.n_guesses : 0;
      isize room = a.n_guesses > 0 ? s.n - a.guesses[i] : 0;
      isize accepted = room > 0 ? (isize)(seed >> 20) % room : 0;
      align_leave(&a, i, accepted, foreign ? 9999 : s.ids[token], text);
      for (isize k = 0; k < a.n_guesses; k++) {
        assert_true(a.guesses[k] >= 0 && a.guesses[k] < s.n);
        for (isize m = 0; m < k; m++) assert_int_not_equal(a.guesses[k], a.guesses[m]);
      }
    }
  }
}

static void passes_on_the_probes_answers(void **state) {
  (void)state;
  FILE *file = fopen(NF_SOURCE_DIR "/tests/data/probe_edits.tsv", "r");
  assert_non_null(file);
  char line[4096];
  isize n_changed = 0, n_same = 0, sums[3] = {};
  static const isize rows[3] = {0, 4, 64}; /* one guess; a tree on a CPU; on a GPU */
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    size_t tab = strcspn(line, "\t");
    tokens a, b;
    align_source source = read_tokens(line, tab, &a);
    align_source answer = read_tokens(line + tab + 1, strlen(line + tab + 1), &b);
    bool same = a.n == b.n && memcmp(a.ids, b.ids, (size_t)a.n * sizeof(i32)) == 0;
    n_same += same;
    n_changed += !same;
    for (isize i = 0; i < 3; i++) {
      isize passes = align_passes(source, answer, rows[i]).passes;
      if (same) assert_int_equal(passes, 1);
      if (!same) sums[i] += passes;
    }
  }
  fclose(file);
  f64 one = (f64)sums[0] / (f64)n_changed, cpu = (f64)sums[1] / (f64)n_changed;
  f64 tree = (f64)sums[2] / (f64)n_changed;
  print_message(
      "%td changed lines, %td unchanged: %.2f passes with one guess, with a tree %.2f on "
      "a CPU, %.2f on a GPU\n",
      n_changed, n_same, one, cpu, tree);
  assert_true(n_changed >= 50 && n_same >= 50);
  assert_true(one <= 3.9); /* the bounds of shared/design/engine.md */
  assert_true(tree <= 2.6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_kind_of_change_costs_one_pass),
      cmocka_unit_test(a_second_guess_saves_a_pass_where_the_first_was_wrong),
      cmocka_unit_test(an_answer_off_the_source_falls_back_to_plain_steps),
      cmocka_unit_test(guesses_lie_within_the_source),
      cmocka_unit_test(passes_on_the_probes_answers),
  };
  return cmocka_run_group_tests_name("align", tests, nullptr, nullptr);
}
