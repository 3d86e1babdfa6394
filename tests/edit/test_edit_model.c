/* Edits with the real model, from inside: the verified-draft answer equals plain greedy decoding
 * token for token, prefix snapshots change nothing, tags and breaks never reach the model.
 * The model: real_model.h; without it every test fails. */
#include <string.h>

#include "align_passes.h"
#include "base/utf8.h"
#include "edit_fixture.h"

constexpr int LINES = under_sanitizer ? 16 : 60;

static void run_edit(const nf_edit_desc *desc, nf_edit_result *result) {
  nf_error error = {};
  nf_status status = nf_edit_begin(work, desc, &error);
  while (status == NF_OK && (status = nf_edit_step(work, &error)) == NF_PENDING) status = NF_OK;
  if (status != NF_OK) fail_msg("%s", error.line);
  nf_edit_result_get(work, result);
}

/* The same answer, one token a pass. */
static isize plain_greedy(const i32 *prompt, isize n_prompt, i32 *out, isize cap) {
  isize cached, n = 0;
  assert_int_equal(session_set(work->timeline, prompt, n_prompt, &cached), NF_OK);
  for (; n < cap; n++) {
    while (session_run(work->timeline) == NF_PENDING) continue;
    i32 best =
        (i32)engine->kernels->argmax(session_logits(work->timeline), text_n_vocab(engine->vocab));
    if (text_is_end(engine->vocab, best)) break;
    out[n] = best;
    assert_int_equal(session_push(work->timeline, best), NF_OK);
  }
  return n;
}

/* What the answer must have cost, counted without the model. */
static align_cost cost_foretold(const edit *e, const i32 *answer, isize n) {
  static i32 ids[EDIT_TOKENS_MAX + 1], ends[EDIT_TOKENS_MAX + 1];
  static u8 text[4 * EDIT_TEXT_BYTES_MAX];
  isize len = 0;
  for (isize i = 0; i <= n; i++) {
    ids[i] = i < n ? answer[i] : e->end_token;
    len += edit_decode(e, &ids[i], 1, text + len, (isize)sizeof text - len);
    ends[i] = (i32)len;
  }
  return align_passes((align_source){e->source, e->source_ends, e->source_text, e->n_source},
                      (align_source){ids, ends, text, n + 1}, model_rows_cheap(engine->model));
}

static void a_drafted_edit_is_plain_greedy_decoding(void **state) {
  (void)state;
  FILE *file = fopen(NF_SOURCE_DIR "/tests/data/edit_lines.txt", "r");
  assert_non_null(file);
  char line[512];
  int n = 0, saved = 0, n_counted = 0;
  for (; n < LINES && fgets(line, sizeof line, file); n++) {
    line[strcspn(line, "\n")] = 0;
    nf_edit_desc desc = {.task = n % 4 == 3 ? NF_TASK_SHORTEN : NF_TASK_FIX,
                         .text = bytes_from_str(line)};
    nf_edit_result result;
    run_edit(&desc, &result);
    edit *e = work->edit;
    i32 answer[EDIT_TOKENS_MAX], plain[EDIT_TOKENS_MAX], prompt[2048];
    isize n_answer = e->n_answer, n_prompt = result.receipt.input_tokens;
    memcpy(answer, e->answer, (size_t)n_answer * sizeof *answer);
    memcpy(prompt, e->prompt, (size_t)n_prompt * sizeof *prompt);
    isize cap = isize_min(2 * e->n_source + 16, EDIT_TOKENS_MAX);
    isize n_plain = plain_greedy(prompt, n_prompt, plain, cap);
    if (result.receipt.forced > 0) continue; /* not the model's own choice: test_constraints.c */
    if (n_plain != n_answer || memcmp(plain, answer, (size_t)n_plain * sizeof *plain) != 0) {
      fail_msg("line %d differs from plain decoding: %s", n + 1, line);
    }
    bool one_prompt_pass =
        n_prompt - result.receipt.cached_tokens + e->n_source <= MODEL_ROWS_MAX && e->ended;
    if (result.receipt.forced == 0 && one_prompt_pass) { /* the receipt counts truthfully */
      align_cost cost = cost_foretold(e, answer, n_answer);
      assert_int_equal(result.receipt.passes, cost.passes);
      assert_int_equal(result.receipt.drafted, cost.drafted);
      assert_int_equal(result.receipt.accepted, cost.accepted);
      n_counted++;
    }
    saved += (int)n_answer + 1 - result.receipt.passes;
    assert_true(result.receipt.accepted <= result.receipt.drafted);
  }
  fclose(file);
  assert_int_equal(n, LINES);
  assert_true(n_counted > LINES / 2);
  assert_true(saved > n); /* drafts save passes, or the loop is not worth having */
}

static void a_snapshot_changes_no_result(void **state) {
  (void)state;
  nf_edit_desc fix = {.task = NF_TASK_FIX, .text = bytes_from_str("we was going home on friday")};
  nf_edit_desc shorten = {.task = NF_TASK_SHORTEN,
                          .text = bytes_from_str("Well, it is basically a box."),
                          .even_if_poor = true}; /* not by rules */
  nf_edit_result first, again, other;
  run_edit(&fix, &first);
  char text[256];
  memcpy(text, first.text.at, (size_t)first.text.len);
  isize len = first.text.len;
  run_edit(&shorten, &other);
  run_edit(&fix, &again); /* from the snapshot: the cache held the other task */
  assert_true(again.receipt.cached_tokens > 60);
  assert_int_equal(again.text.len, len);
  assert_memory_equal(again.text.at, text, len);
}

static void tags_and_breaks_do_not_reach_the_model(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_FIX,
                       .text = bytes_from_str("<i>we was going\nto the store</i>")};
  nf_edit_result result;
  run_edit(&desc, &result);
  for (isize i = 0; i < work->edit->plain_len; i++) {
    assert_true(work->edit->plain[i] != '<' && work->edit->plain[i] != '\n');
  }
  assert_true(bytes_start_with(result.text, bytes_from_str("<i>")));
  assert_true(bytes_find(result.text, bytes_from_str("</i>")) == result.text.len - 4);
  assert_true(bytes_find(result.text, bytes_from_str("\n")) > 0);
}

static void what_has_no_words_is_not_asked(void **state) {
  (void)state;
  const char *const texts[] = {"", "♪♪", "<i></i>", "...", "12:30"};
  for (int i = 0; i < 5; i++) {
    nf_edit_desc desc = {.task = NF_TASK_FIX, .text = bytes_from_str(texts[i])};
    if (i == 0) desc.text = (nf_bytes){}; /* may be null */
    nf_edit_result result;
    run_edit(&desc, &result);
    assert_int_equal(result.verdict, NF_UNCHANGED);
    assert_int_equal(result.receipt.passes, 0);
    assert_true(bytes_equal(result.text, desc.text));
  }
}

static void every_task_says_whether_it_is_offered(void **state) {
  (void)state;
  nf_task_info info;
  for (i32 i = 0; i < EDIT_TASKS; i++) {
    assert_int_equal(nf_task_info_get((nf_task)i, &info), NF_OK);
    assert_string_equal(info.name, nf_task_name((nf_task)i));
    assert_int_equal(info.offered, info.why[0] == 0);
    nf_edit_desc desc = {
        .task = (nf_task)i, .text = bytes_from_str("we was there"), .even_if_poor = true};
    nf_edit_result result;
    run_edit(&desc, &result); /* forced, any task runs */
    assert_true(result.receipt.passes >= 1);
  }
  assert_int_equal(nf_task_info_get((nf_task)EDIT_TASKS, &info), NF_BAD_INPUT);
}

/* Distinct, sampled alike for one seed, the greedy answer first. */
static void variants_are_distinct_and_repeat_for_a_seed(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_REWRITE,
                       .text = bytes_from_str("<i>so today we is going\nto look at it</i>"),
                       .n_variants = 4,
                       .seed = 3,
                       .even_if_poor = true};
  char texts[2][4][256] = {};
  int n[2];
  for (int round = 0; round < 2; round++) {
    nf_edit_result result;
    run_edit(&desc, &result);
    n[round] = result.n_variants;
    assert_int_equal(result.verdict == NF_CHANGED, result.n_variants > 0);
    for (int i = 0; i < result.n_variants; i++) {
      nf_variant v;
      nf_edit_variant_get(work, i, &v);
      memcpy(texts[round][i], v.text.at, (size_t)v.text.len);
      assert_true(v.n_changes > 0 && !bytes_equal(v.text, desc.text));
      assert_true(bytes_start_with(v.text, bytes_from_str("<i>")));
      for (int k = 0; k < i; k++) assert_string_not_equal(texts[round][i], texts[round][k]);
    }
    if (result.n_variants > 0)
      assert_true(bytes_equal(result.text, bytes_from_str(texts[round][0])));
  }
  assert_true(n[0] >= 2);
  assert_int_equal(n[0], n[1]);
  assert_memory_equal(texts[0], texts[1], sizeof texts[0]);
  desc.n_variants = NF_VARIANTS_MAX + 1;
  nf_error error;
  assert_int_equal(nf_edit_begin(work, &desc, &error), NF_BAD_INPUT);
}

/* Lines of the trace that begin with "pass ". */
static int passes_told(void) {
  nf_bytes trace = nf_edit_trace(work);
  int n = 0;
  for (isize i = 0; i + 5 < trace.len; i++) {
    n += (i == 0 || trace.at[i - 1] == '\n') && memcmp(trace.at + i, "pass ", 5) == 0;
  }
  return n;
}

static void the_trace_tells_every_pass(void **state) {
  (void)state;
  nf_edit_desc desc = {
      .task = NF_TASK_FIX, .text = bytes_from_str("we was going home"), .trace = true};
  nf_edit_result result;
  run_edit(&desc, &result);
  assert_int_equal(passes_told(), result.receipt.passes);
  assert_true(bytes_find(nf_edit_trace(work), bytes_from_str("log P(copy)")) > 0);
  desc.n_variants = 4; /* several answers a pass */
  run_edit(&desc, &result);
  assert_int_equal(passes_told(), result.receipt.passes);
  assert_true(bytes_find(nf_edit_trace(work), bytes_from_str("beside it in pass ")) > 0);
  desc.trace = false;
  run_edit(&desc, &result);
  assert_int_equal(nf_edit_trace(work).len, 0);
}

/* A context with room for one sampled answer at a time gives the answers of a large one. */
static void variants_do_not_depend_on_the_room(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_FIX,
                       .text = bytes_from_str("so today we is going to look at it"),
                       .n_variants = 4,
                       .seed = 11};
  nf_edit_result result;
  run_edit(&desc, &result);
  i32 n = result.n_variants, tokens = result.receipt.output_tokens;
  char texts[NF_VARIANTS_MAX][256] = {};
  for (i32 i = 0; i < n; i++) {
    nf_variant v;
    nf_edit_variant_get(work, i, &v);
    memcpy(texts[i], v.text.at, (size_t)v.text.len);
  }
  assert_true(n >= 2);
  nf_session *large = work;
  nf_engine *other;
  nf_error error;
  const nf_engine_desc engine_desc = {.n_threads = 1, .ctx_tokens_max = 192};
  assert_int_equal(nf_engine_open_file(real_model_path(), &engine_desc, &other, &error), NF_OK);
  assert_int_equal(nf_session_open(other, &work, &error), NF_OK);
  run_edit(&desc, &result);
  assert_true(session_branches_room(work->timeline, 2 * work->edit->n_source + 16) == 1);
  assert_int_equal(result.n_variants, n);
  assert_int_equal(result.receipt.output_tokens, tokens);
  for (i32 i = 0; i < n; i++) {
    nf_variant v;
    nf_edit_variant_get(work, i, &v);
    assert_true(bytes_equal(v.text, bytes_from_str(texts[i])));
  }
  nf_session_close(work);
  nf_engine_close(other);
  work = large;
}

static void bad_requests_are_refused(void **state) {
  (void)state;
  nf_error error;
  nf_edit_desc desc = {.task = NF_TASK_REWRITE, .text = bytes_from_str("hello there")};
  assert_int_equal(nf_edit_begin(work, &desc, &error), NF_UNSUPPORTED);
  assert_non_null(strstr(error.line, "not offered on the device: "));
  desc.task = (nf_task)77;
  assert_int_equal(nf_edit_begin(work, &desc, &error), NF_UNSUPPORTED);
  desc = (nf_edit_desc){.task = NF_TASK_FIX, .text = bytes_of("ab\xFF\xFE", 4)};
  assert_int_equal(nf_edit_begin(work, &desc, &error), NF_BAD_INPUT);
  assert_int_equal(nf_edit_step(work, &error), NF_BAD_INPUT); /* nothing was begun */
  static char long_text[5000];
  memset(long_text, 'a', sizeof long_text - 1);
  desc.text = bytes_from_str(long_text);
  assert_int_equal(nf_edit_begin(work, &desc, &error), NF_BAD_INPUT);
}

/* Wherever the token limit falls, what was given is whole characters (emoji are 2 or 3 tokens). */
static void a_cut_generation_ends_with_a_whole_character(void **state) {
  (void)state;
  nf_error error = {};
  isize longest = 0;
  for (i32 limit = 1; limit <= 12; limit++) {
    u8 text[512];
    isize len = 0;
    nf_generate_desc desc = {
        .raw_prompt = bytes_from_str("\U0001F98A\U0001F431\U0001F98A\U0001F431\U0001F98A\U0001F431"
                                     "\U0001F98A\U0001F431\U0001F98A\U0001F431"),
        .output_tokens_max = limit};
    assert_int_equal(nf_generate_begin(work, &desc, &error), NF_OK);
    for (nf_status status = NF_PENDING; status == NF_PENDING;) {
      nf_bytes piece;
      status = nf_generate_step(work, &piece, &error);
      assert_true(status >= NF_OK && utf8_valid(piece));
      bytes_copy(text + len, piece.at, piece.len);
      len += piece.len;
    }
    assert_true(utf8_valid(bytes_of(text, len)));
    longest = isize_max(longest, len);
  }
  assert_true(longest >= 4);
}

/* A limit that allows less than one character is a limit, not none; numbers out of sense are
 * refused before anything is computed with them. */
static void limits_are_limits(void **state) {
  (void)state;
  nf_error error;
  nf_edit_result result;
  nf_edit_desc desc = {.task = NF_TASK_SHORTEN,
                       .text = bytes_from_str("Well, it is basically a box."),
                       .max_chars = 100,
                       .max_cps = 0.5f,
                       .duration_ms = 1000};
  run_edit(&desc, &result);
  assert_int_equal(result.verdict, NF_UNFIT);
  assert_true(bytes_equal(result.text, desc.text));
  desc.max_cps = 3e38f; /* times the duration: infinite */
  desc.duration_ms = 2'000'000'000;
  run_edit(&desc, &result);
  assert_int_equal(result.verdict, NF_UNCHANGED);
  const nf_edit_desc odd[] = {
      {.max_chars = -1}, {.max_lines = -1}, {.max_cps = -1}, {.max_cps = __builtin_nanf("")}};
  for (int i = 0; i < 4; i++) {
    desc = odd[i];
    desc.task = NF_TASK_FIX;
    desc.text = bytes_from_str("we was there");
    assert_int_equal(nf_edit_begin(work, &desc, &error), NF_BAD_INPUT);
    assert_non_null(strstr(error.line, "negative"));
  }
}

static void rules_ask_no_model(void **state) {
  (void)state;
  nf_edit_result result;
  nf_edit_desc desc = {
      .task = NF_TASK_SHORTEN,
      .text = bytes_from_str("<i>Well, I really think that\nit is quite late.</i>"),
      .max_chars = 30,
      .n_variants = 3};
  run_edit(&desc, &result);
  assert_int_equal(result.verdict, NF_CHANGED);
  assert_string_equal(result.why, "words left out");
  assert_int_equal(result.receipt.passes, 0);
  assert_int_equal(result.receipt.input_tokens, 0);
  assert_true(result.n_variants > 1);
  for (i32 i = 0; i < result.n_variants; i++) {
    nf_variant v, other;
    nf_edit_variant_get(work, i, &v);
    assert_true(nf_measure(v.text, NF_SRT).chars <= desc.max_chars);
    assert_true(bytes_start_with(v.text, bytes_from_str("<i>")));
    for (i32 k = 0; k < i; k++) {
      nf_edit_variant_get(work, k, &other);
      assert_false(bytes_equal(v.text, other.text));
    }
  }
  desc.even_if_poor = true;
  run_edit(&desc, &result);
  assert_true(result.receipt.passes >= 1);
  desc = (nf_edit_desc){.task = NF_TASK_FORMAL,
                        .text = bytes_from_str("The <b>kids</b> here aren't in.")};
  run_edit(&desc, &result);
  assert_true(bytes_equal(result.text, bytes_from_str("The <b>children</b> here are not in.")));
  assert_int_equal(result.receipt.passes, 0);
  desc.protect = &(nf_bytes){bytes_from_str("kids").at, 4};
  desc.n_protect = 1;
  run_edit(&desc, &result);
  assert_true(bytes_equal(result.text, bytes_from_str("The <b>kids</b> here are not in.")));
  desc.text = bytes_from_str("The children are not in.");
  run_edit(&desc, &result);
  assert_int_equal(result.verdict, NF_UNCHANGED);
  assert_string_equal(result.why, "nothing to change");
}

/* More tokens than one verification looks at: both sums are over the same part of the source. */
static void a_long_caption_is_scored_as_a_whole(void **state) {
  (void)state;
  nf_edit_desc desc = {
      .task = NF_TASK_FIX,
      .text = bytes_from_str(
          "She told me that it was not too late to apply for the job in Boston. We were going to "
          "the store on Friday, but the car didn't start. She told me that it was not too late to "
          "apply for the job in Boston. We were going to the store on Friday, but the car didn't "
          "start. She told me that it was not too late to apply for the job in Boston.")};
  nf_edit_result result;
  run_edit(&desc, &result);
  edit *e = work->edit;
  assert_string_equal(result.why, "already right");
  assert_true(e->n_source > SESSION_DRAFT_MAX + 1);
  assert_int_equal(e->n_scored, e->n_source);
  f64 apart = e->log_p_copy - e->log_p_answer; /* the answer is the copy */
  assert_true(e->log_p_copy < 0 && apart < 1e-9 && apart > -1e-9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_drafted_edit_is_plain_greedy_decoding),
      cmocka_unit_test(a_snapshot_changes_no_result),
      cmocka_unit_test(tags_and_breaks_do_not_reach_the_model),
      cmocka_unit_test(what_has_no_words_is_not_asked),
      cmocka_unit_test(every_task_says_whether_it_is_offered),
      cmocka_unit_test(variants_are_distinct_and_repeat_for_a_seed),
      cmocka_unit_test(the_trace_tells_every_pass),
      cmocka_unit_test(variants_do_not_depend_on_the_room),
      cmocka_unit_test(bad_requests_are_refused),
      cmocka_unit_test(a_cut_generation_ends_with_a_whole_character),
      cmocka_unit_test(limits_are_limits),
      cmocka_unit_test(rules_ask_no_model),
      cmocka_unit_test(a_long_caption_is_scored_as_a_whole),
  };
  return cmocka_run_group_tests_name("edit with the model", tests, open_model, close_model);
}
