/* The parts of an edit that need no model, over any bytes, with the limits edit/ has: the changes
 * of words_diff applied to the text give the other one, the rules keep what is protected and every
 * number and make as short as asked, the guard answers, and what the model never saw is put back.
 * Input: the caption; after a byte 0xFF the answer; after another one a protected term. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "caption/cue_text.h"
#include "edit/guard.h"
#include "edit/rules.h"
#include "edit/state.h"
#include "edit/words.h"

#define CHECK(condition) \
  ((condition) ? (void)0 \
               : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

static u8 block[(isize)1 << 20]; /* edit.c's scratch is larger */

/* The bytes up to the next 0xFF, on the heap of their own so that reading past them shows. */
static nf_bytes part_take(const u8 **at, const u8 *end, isize len_max) {
  const u8 *stop = *at;
  while (stop < end && *stop != 0xFF) stop++;
  isize len = isize_min(stop - *at, len_max);
  u8 *copy = malloc((size_t)len + 1);
  if (len > 0) memcpy(copy, *at, (size_t)len);
  *at = stop < end ? stop + 1 : end;
  u8 *exact = realloc(copy, (size_t)isize_max(len, 1));
  return bytes_of(exact, len);
}

static void diff_check(nf_bytes before, nf_bytes after) {
  static nf_change changes[EDIT_CHANGES_MAX];
  static u8 out[4 * EDIT_TEXT_BYTES_MAX];
  arena scratch = arena_of(block, sizeof block);
  isize n = -1, len = 0, at = 0;
  CHECK(words_diff(before, after, &scratch, changes, EDIT_CHANGES_MAX, &n) == NF_OK);
  CHECK(scratch.at == block && n >= 0);
  for (isize i = 0; i < n; i++) {
    const nf_change *c = &changes[i];
    CHECK(at <= c->start && c->start <= c->end && c->end <= before.len);
    CHECK(c->start16 == utf16_units(bytes_slice(before, 0, c->start)) || !utf8_valid(before));
    CHECK(c->end16 == utf16_units(bytes_slice(before, 0, c->end)) || !utf8_valid(before));
    bytes_copy(out + len, before.at + at, c->start - at);
    len += c->start - at;
    bytes_copy(out + len, c->replacement.at, c->replacement.len);
    len += c->replacement.len;
    at = c->end;
  }
  bytes_copy(out + len, before.at + at, before.len - at);
  len += before.len - at;
  CHECK(bytes_equal(bytes_of(out, len), after));
  CHECK((n == 0) == bytes_equal(before, after));
}

/* Whatever is chosen, what comes out is whole, keeps its numbers, and fits where that was asked. */
static void rules_check(nf_task task, nf_bytes text, isize chars_max, const nf_bytes *term) {
  arena a = arena_of(block, sizeof block);
  static rule_change changes[RULE_CHANGES_MAX];
  isize n = -1, len = -1, at = 0, cap = 4 * EDIT_TEXT_BYTES_MAX;
  CHECK(rules_find(task, text, term, 1, &a, changes, RULE_CHANGES_MAX, &n) == NF_OK);
  CHECK(0 <= n && n <= RULE_CHANGES_MAX);
  bool chosen = true;
  if (task == NF_TASK_SHORTEN) {
    chosen = rules_choose(text, chars_max, a, changes, n);
  } else {
    rules_choose_all(changes, n);
  }
  for (isize i = 0; i < n; i++) {
    if (!changes[i].chosen) continue;
    CHECK(chosen && at <= changes[i].from && changes[i].from < changes[i].to);
    at = changes[i].to;
  }
  CHECK(at <= text.len);
  u8 *out = malloc((size_t)cap);
  CHECK(rules_apply(text, changes, n, a, out, cap, &len) == NF_OK);
  nf_bytes made = bytes_of(out, len);
  CHECK(!utf8_valid(text) || utf8_valid(made));
  isize digits = 0; /* no number is touched */
  for (isize i = 0; i < text.len; i++) digits += text.at[i] >= '0' && text.at[i] <= '9';
  for (isize i = 0; i < len; i++) digits -= out[i] >= '0' && out[i] <= '9';
  CHECK(digits == 0);
  CHECK(term_count(made, *term) >= term_count(text, *term));
  bool shortens = task == NF_TASK_SHORTEN && chosen && chars_max > 0 && utf8_valid(text);
  CHECK(!shortens || grapheme_count(made) <= isize_max(chars_max, 1));
  free(out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  const u8 *at = data, *end = data + size;
  nf_bytes text = part_take(&at, end, EDIT_TEXT_BYTES_MAX);
  nf_bytes answer = part_take(&at, end, 2 * EDIT_TEXT_BYTES_MAX);
  nf_bytes term = part_take(&at, end, EDIT_TEXT_BYTES_MAX);
  static u8 plain[EDIT_TEXT_BYTES_MAX], joined[2 * EDIT_TEXT_BYTES_MAX];
  static cue_text split;
  isize plain_len, joined_len;
  diff_check(text, answer);
  if (cue_text_split(text, &split, plain, &plain_len) == NF_OK) {
    nf_bytes words = bytes_of(plain, plain_len);
    arena scratch = arena_of(block, sizeof block);
    const edit_task *fix = edit_task_of(NF_TASK_FIX);
    (void)guard_refuses(fix, words, answer, &term, 1, &scratch);
    const char *why = guard_refuses(fix, words, words, &term, 1, &scratch);
    /* what was in the words already is no reason against them */
    CHECK(why == nullptr);
    rules_check(NF_TASK_SHORTEN, words, 0, &term);
    rules_check(NF_TASK_SHORTEN, words, plain_len / 2 + 1, &term);
    rules_check(NF_TASK_FORMAL, words, 0, &term);
    rules_check(NF_TASK_CASUAL, words, 0, &term);
    nf_status status =
        cue_text_join(&split, text, answer, scratch, joined, sizeof joined, &joined_len);
    if (status == NF_OK) {
      diff_check(text, bytes_of(joined, joined_len));
    } else { /* only for want of room in joined */
      CHECK(status == NF_NO_MEMORY && text.len + 6 * answer.len > (isize)sizeof joined);
    }
  }
  free((void *)text.at);
  free((void *)answer.at);
  free((void *)term.at);
  return 0;
}
