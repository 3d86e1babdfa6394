/* What an edit must keep, on random captions with the real model: tags, line breaks, numbers,
 * names, protected terms, limits; never a truncated word; what is forced back during decoding; no
 * step longer than a pass. The model: real_model.h. */
#include <string.h>

#include "base/math.h"
#include "caption/plain.h"
#include "edit/names.h"
#include "edit_fixture.h"
#include "model/log_p.h"

constexpr int CAPTIONS = under_sanitizer ? 3 : 16;

static u64 seed = 11;

static int dice(int n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int)((seed >> 33) % (u64)n);
}

/* A caption of spoken English with tags, breaks, numbers, names and the two protected terms. */
static const char *random_caption(void) {
  static char text[512];
  static const char *const parts[] = {
      "well, you know,", "we was going to",     "the the market",   "with Dana",
      "on friday",       "about 14 of them",    "<i>she don't</i>", "their libary",
      "it cost $3,500",  "in near field",       "basically",        "he have told",
      "Maria and Bob",   "<b>very</b> quickly", "at 9:30",          "because its late",
      "and then",        "really far away",     "to Lisbon",        "2 boat"};
  text[0] = 0;
  int n = 3 + dice(6), breaks = 0;
  for (int i = 0; i < n; i++) {
    if (i > 0) {
      bool new_line = breaks < 2 && dice(4) == 0;
      breaks += new_line;
      strcat(text, new_line ? "\n" : " ");
    }
    strcat(text, parts[dice(20)]);
  }
  if (dice(2)) strcat(text, ".");
  return text;
}

static const char *const terms[] = {"near field", "libary"};

static void run_edit(const nf_edit_desc *desc, nf_edit_result *result) {
  nf_error error = {};
  nf_status status = nf_edit_begin(work, desc, &error);
  i32 passes = 0;
  while (status == NF_OK && (status = nf_edit_step(work, &error)) == NF_PENDING) {
    /* a step is at most one pass, so a caller can stop between any two */
    assert_true(work->edit->receipt.passes <= passes + 1);
    passes = work->edit->receipt.passes;
    status = NF_OK;
  }
  if (status != NF_OK) fail_msg("%s", error.line);
  nf_edit_result_get(work, result);
  assert_true(result->receipt.passes <= passes + 1);
}

/* The i-th tag of a text; empty when there are not so many. */
static nf_bytes tag_of(nf_bytes text, int i) {
  for (isize at = 0; at < text.len; at++) {
    if (text.at[at] != '<' || i-- > 0) continue;
    isize end = at;
    while (text.at[end] != '>') end++;
    return bytes_slice(text, at, end + 1);
  }
  return (nf_bytes){};
}

static void tags_are_the_same(nf_bytes before, nf_bytes after) {
  for (int i = 0; i < 16; i++) assert_true(bytes_equal(tag_of(before, i), tag_of(after, i)));
}

static isize plain_of(nf_bytes text, u8 *out) {
  isize n = plain_text(text, NF_SRT, out, 1024);
  for (isize i = 0; i < n; i++) {
    if (out[i] == '\n') out[i] = ' ';
  }
  return n;
}

static void spans_are_kept(nf_bytes before, nf_bytes after) {
  static u8 block[1 << 20], a[1024], b[1024];
  nf_bytes protect[] = {bytes_from_str(terms[0]), bytes_from_str(terms[1])};
  keep_span spans[64];
  isize n, lost;
  nf_bytes plain = bytes_of(a, plain_of(before, a));
  arena scratch = arena_of(block, sizeof block);
  assert_int_equal(keep_find(plain, protect, 2, scratch, spans, 64, &n), NF_OK);
  nf_bytes edited = bytes_of(b, plain_of(after, b));
  assert_int_equal(keep_lost(plain, spans, n, edited, scratch, &lost), NF_OK);
  if (lost < n) fail_msg("lost: %.*s => %.*s", (int)plain.len, a, (int)edited.len, b);
}

/* Of the words that `after` ends in, none is the mere beginning of one that `before` has. */
static void no_word_is_cut(nf_bytes before, nf_bytes after) {
  static u8 block[1 << 20], x[1024], y[1024];
  arena scratch = arena_of(block, sizeof block);
  word_list a, b;
  assert_int_equal(words_split(bytes_of(x, plain_of(before, x)), &scratch, &a), NF_OK);
  assert_int_equal(words_split(bytes_of(y, plain_of(after, y)), &scratch, &b), NF_OK);
  isize last = b.n - 1;
  while (last > 0 && b.at[last].kind == WORD_OTHER) last--;
  bool whole = false, begins = false;
  for (isize i = 0; i < a.n; i++) {
    whole = whole || word_same_letters(a.at[i].text, b.at[last].text);
    begins = begins || (a.at[i].text.len > b.at[last].text.len &&
                        word_same_letters(bytes_slice(a.at[i].text, 0, b.at[last].text.len),
                                          b.at[last].text));
  }
  if (begins && !whole) fail_msg("cut: %.*s", (int)after.len, (const char *)after.at);
}

static void result_is_sound(const nf_edit_desc *desc, const nf_edit_result *r) {
  bool limited = desc->max_chars > 0 || desc->max_lines > 0;
  nf_text_measure m = nf_measure(r->text, NF_SRT);
  bool fits = (desc->max_chars == 0 || m.chars <= desc->max_chars) &&
              (desc->max_lines == 0 || m.lines <= desc->max_lines);
  assert_int_equal(r->verdict == NF_UNFIT, !fits); /* the limits are met, or it is said */
  if (r->verdict != NF_CHANGED) assert_true(bytes_equal(r->text, desc->text));
  for (i32 i = 0; i < r->n_variants; i++) {
    nf_variant v;
    nf_edit_variant_get(work, i, &v);
    m = nf_measure(v.text, NF_SRT);
    assert_true(desc->max_chars == 0 || m.chars <= desc->max_chars);
    assert_true(desc->max_lines == 0 || m.lines <= desc->max_lines);
    tags_are_the_same(desc->text, v.text);
    spans_are_kept(desc->text, v.text);
    if (limited) no_word_is_cut(desc->text, v.text);
    isize lines = nf_measure(desc->text, NF_SRT).lines;
    if (desc->max_lines == 0) assert_true(m.lines <= lines);
    if (desc->task == NF_TASK_FIX && !limited) assert_int_equal(m.lines, lines);
  }
}

static void random_captions_keep_what_must_stay(void **state) {
  (void)state;
  nf_bytes protect[] = {bytes_from_str(terms[0]), bytes_from_str(terms[1])};
  int changed = 0, forced = 0, unfit = 0, fewer_lines = 0;
  for (int i = 0; i < CAPTIONS; i++) {
    nf_bytes text = bytes_from_str(random_caption());
    isize chars = nf_measure(text, NF_SRT).chars;
    static const nf_task tasks[] = {NF_TASK_FIX, NF_TASK_SHORTEN, NF_TASK_SHORTEN, NF_TASK_REWRITE};
    nf_edit_desc desc = {.task = tasks[i % 4],
                         .text = text,
                         .protect = protect,
                         .n_protect = 2,
                         .max_chars = i % 4 == 0 ? 0 : (i32)(chars * (50 + dice(50)) / 100) + 1,
                         .max_lines = i % 3 == 0 ? 1 + dice(2) : 0,
                         .n_variants = 1 + dice(2),
                         .even_if_poor = i % 4 == 3}; /* shorten: by rules first */
    nf_edit_result result;
    run_edit(&desc, &result);
    result_is_sound(&desc, &result);
    changed += result.verdict == NF_CHANGED;
    unfit += result.verdict == NF_UNFIT;
    forced += result.receipt.forced;
    fewer_lines += nf_measure(result.text, NF_SRT).lines < nf_measure(text, NF_SRT).lines;
  }
  print_message("%d captions: %d changed, %d unfit, %d tokens forced, %d with fewer lines\n",
                CAPTIONS, changed, unfit, forced, fewer_lines);
  assert_true(changed >= CAPTIONS / 4);
}

/* Left alone, the model mends "libary"; a protected one stays and the rest is mended. */
static void a_protected_term_is_put_back_during_decoding(void **state) {
  (void)state;
  nf_bytes protect[] = {bytes_from_str("libary")};
  nf_edit_desc desc = {.task = NF_TASK_FIX,
                       .text = bytes_from_str("we was at there libary on friday"),
                       .even_if_poor = true};
  nf_edit_result free_one, result;
  run_edit(&desc, &free_one);
  assert_true(bytes_find(free_one.text, bytes_from_str("library")) > 0);
  assert_int_equal(free_one.receipt.forced, 0);
  desc.protect = protect;
  desc.n_protect = 1;
  desc.trace = true;
  run_edit(&desc, &result);
  print_message("%.*s (%s, %d forced)\n", (int)result.text.len, (const char *)result.text.at,
                result.why, result.receipt.forced);
  assert_true(bytes_find(result.text, bytes_from_str("libary")) > 0);
  assert_true(result.receipt.forced > 0);
  assert_true(bytes_find(nf_edit_trace(work), bytes_from_str("copied by force")) > 0);
}

/* Lines that are merely too many are broken anew: no model, no pass. */
static void too_many_lines_alone_need_no_model(void **state) {
  (void)state;
  nf_edit_desc desc = {.task = NF_TASK_SHORTEN,
                       .text = bytes_from_str("<i>We went\nto the\nmarket.</i>"),
                       .max_lines = 2};
  nf_edit_result result;
  run_edit(&desc, &result);
  assert_int_equal(result.verdict, NF_CHANGED);
  assert_int_equal(result.receipt.passes, 0);
  assert_true(bytes_equal(result.text, bytes_from_str("<i>We went to the market.</i>")));
  desc.text = bytes_from_str("- We went.\n- When?\n- At noon.");
  run_edit(&desc, &result);
  assert_int_equal(result.verdict, NF_UNFIT); /* who speaks is not to be lost */
}

/* log P of a row at a token, as search.c has it. */
static f64 log_p_at(const f32 *logits, i32 token) {
  isize n = work->edit->n_vocab;
  f32 top = logits[engine->kernels->argmax(logits, n)];
  return (f64)(logits[token] - top) - math_log((f64)log_p_exp_sum(logits, n, top));
}

/* Beams run beside each other, in branches that are copied where a beam goes on in two ways; each
 * has the very score that its tokens have one after the other in a timeline of their own. */
static void beams_score_as_alone(void) {
  edit *e = work->edit;
  for (isize i = 0; i < e->search->n_done; i++) {
    const search_beam *beam = &e->search->done[i];
    f64 log_p = 0;
    assert_int_equal(edit_timeline_set(e, nullptr, 0), NF_OK);
    for (isize t = 0; t <= beam->n; t++) {
      nf_status status;
      while ((status = session_run(e->timeline)) == NF_PENDING) {
      }
      assert_int_equal(status, NF_OK);
      const f32 *logits = session_logits(e->timeline);
      if (t < beam->n) {
        log_p += log_p_at(logits, beam->tokens[t]);
        assert_int_equal(session_push(e->timeline, beam->tokens[t]), NF_OK);
        continue;
      }
      bool same = false; /* which of the ends it took is not kept */
      for (i32 end = 0; end < e->n_vocab; end++) {
        same |= text_is_end(e->vocab, end) && log_p + log_p_at(logits, end) == beam->log_p;
      }
      assert_true(same);
    }
  }
}

/* Within a search every beam fits and every end is the model's own; a pass takes all beams. */
static void a_search_never_cuts(void **state) {
  (void)state;
  static const char *const lines[] = {
      "So it turns out that in the end Maria had actually sold 3 of the boats to her brother.",
      "What I would really like to do is go down to the river and swim there all afternoon."};
  int passes = 0;
  isize n_ended = 0;
  for (int i = 0; i < 2; i++) {
    for (int limit = 20; limit <= 60; limit += 20) {
      nf_edit_desc desc = {.task = NF_TASK_SHORTEN,
                           .text = bytes_from_str(lines[i]),
                           .max_chars = limit,
                           .even_if_poor = true};
      nf_edit_result result;
      run_edit(&desc, &result);
      result_is_sound(&desc, &result);
      beams_score_as_alone();
      n_ended += work->edit->search->n_done;
      passes += result.receipt.passes;
      print_message("%d: %.*s (%s, %d passes)\n", limit, (int)result.text.len,
                    (const char *)result.text.at, result.why, result.receipt.passes);
    }
  }
  print_message("%d passes, %td beams ended\n", passes, n_ended);
  assert_true(n_ended > 3);
  assert_true(passes < SEARCH_ROWS_MAX * 6 / 2); /* one beam a pass: 332 */
}

/* A caption as long as the context takes: prompt and answer in steps of one pass each. */
static void a_long_caption_runs_in_steps(void **state) {
  (void)state;
  static char text[1300];
  for (int i = 0; i < 25; i++) strcat(text, "she go to the market with 3 of us and ");
  nf_edit_desc desc = {.task = NF_TASK_FIX, .text = bytes_from_str(text)};
  nf_error error;
  assert_int_equal(nf_edit_begin(work, &desc, &error), NF_OK);
  i32 n_steps = 0;
  while (work->edit->receipt.passes < 6) { /* a step is a pass at most: a piece of one here */
    i32 passes = work->edit->receipt.passes;
    assert_int_equal(nf_edit_step(work, &error), NF_PENDING);
    assert_in_range(work->edit->receipt.passes, passes, passes + 1);
    n_steps++;
  }
  assert_true(n_steps > 12);
  /* dropped in the middle of a pass; the next edit is as if there had been none */
  const nf_edit_desc next = {.task = NF_TASK_FIX, .text = bytes_from_str("we was there")};
  nf_edit_result result;
  run_edit(&next, &result);
  nf_receipt want = result.receipt;
  assert_true(want.output_tokens > 0 && want.output_tokens < 10);
  i32 stride = under_sanitizer ? 5 : 1; /* up to `at` steps each: quadratic */
  for (i32 at = 1; at < n_steps; at += stride) {
    assert_int_equal(nf_edit_begin(work, &desc, &error), NF_OK);
    for (i32 i = 0; i < at; i++) assert_int_equal(nf_edit_step(work, &error), NF_PENDING);
    run_edit(&next, &result);
    assert_int_equal(result.receipt.passes, want.passes);
    assert_int_equal(result.receipt.output_tokens, want.output_tokens);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_captions_keep_what_must_stay),
      cmocka_unit_test(a_protected_term_is_put_back_during_decoding),
      cmocka_unit_test(too_many_lines_alone_need_no_model),
      cmocka_unit_test(a_search_never_cuts),
      cmocka_unit_test(a_long_caption_runs_in_steps),
  };
  return cmocka_run_group_tests_name("edit constraints", tests, open_model, close_model);
}
