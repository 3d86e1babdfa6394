/* What becomes of a finished answer: gate, guard, limits, tags and line breaks back in place,
 * the list of changes. Deterministic; no model. */
#include "base/utf8.h"
#include "caption/plain.h"
#include "edit/fillers.h"
#include "edit/guard.h"
#include "edit/state.h"
#include "edit/words.h"

void edit_keep(edit *e, nf_verdict verdict, const char *why) {
  bytes_copy(e->text, e->input, e->input_len);
  e->text_len = e->input_len;
  e->n_changes = 0;
  e->verdict = verdict;
  e->why = why;
  e->phase = EDIT_DONE;
}

static nf_bytes trim(nf_bytes text) {
  for (isize i = 0; i < text.len; i++) {
    if (text.at[i] == '\n' && i > 0) { /* an answer is one line; what follows is chatter */
      text.len = i;
      break;
    }
  }
  while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\n'))
    text = bytes_slice(text, 1, text.len);
  while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\n'))
    text.len--;
  return text;
}

static bool fits(const edit *e, nf_bytes cue) {
  nf_text_measure m = plain_measure(cue, e->format);
  return (e->chars_max == 0 || m.chars <= e->chars_max) &&
         (e->lines_max == 0 || m.lines <= e->lines_max);
}

bool edit_fits(const edit *e) { return fits(e, bytes_of(e->input, e->input_len)); }

/* Put tags and breaks back around `plain`; when it fits, that is the result and null is returned.
 * Else why not. */
static const char *propose(edit *e, nf_bytes plain, const char *why, arena scratch) {
  nf_bytes input = bytes_of(e->input, e->input_len);
  nf_status status = cue_text_join(&e->split, input, plain, scratch, e->text,
                                   2 * EDIT_TEXT_BYTES_MAX, &e->text_len);
  nf_bytes text = bytes_of(e->text, e->text_len);
  if (status != NF_OK || !fits(e, text)) return "the correction does not fit";
  if (bytes_equal(text, input)) return "already right"; /* words differed in blanks only */
  status = words_diff(input, text, &scratch, e->changes, EDIT_CHANGES_MAX, &e->n_changes);
  if (status != NF_OK) return "too long to compare";
  e->verdict = NF_CHANGED;
  e->why = why;
  return nullptr;
}

static const char *answer_refused(const edit *e, nf_bytes answer, arena scratch) {
  nf_bytes plain = bytes_of(e->plain, e->plain_len);
  if (bytes_equal(answer, plain)) return "already right";
  if (!(e->log_p_answer - e->log_p_copy > (f64)e->task->gate)) return "not sure enough";
  return guard_refuses(e->task, plain, answer, e->protect, e->n_protect, &scratch);
}

/* Visible characters the plain text may have: the cue's limit less what the model never sees. */
static isize plain_limit(const edit *e) {
  if (e->chars_max == 0) return 0;
  isize unseen = plain_measure(bytes_of(e->input, e->input_len), e->format).chars -
                 grapheme_count(bytes_of(e->plain, e->plain_len));
  return isize_max(e->chars_max - isize_max(unseen, 0), 1);
}

/* shorten: the model's words when they are shorter and fit; then leaving fillers out of them, or
 * of the caption itself. null: done; else why not. */
static const char *shorten(edit *e, nf_bytes answer, const char *refused, arena scratch) {
  nf_bytes plain = bytes_of(e->plain, e->plain_len);
  bool usable = refused == nullptr && grapheme_count(answer) < grapheme_count(plain);
  if (usable && propose(e, answer, "ok", scratch) == nullptr) return nullptr;
  u8 *out = arena_new(&scratch, isize_max(answer.len, plain.len), u8);
  for (isize i = usable ? 0 : 1; i < 2 && out != nullptr; i++) {
    nf_bytes from = i == 0 ? answer : plain;
    isize len = 0;
    nf_status status =
        fillers_remove(from, plain_limit(e), e->protect, e->n_protect, &scratch, out, &len);
    if (status == NF_OK && len < plain.len &&
        propose(e, bytes_of(out, len), "fillers left out", scratch) == nullptr) {
      return nullptr;
    }
  }
  if (!edit_fits(e)) return "no shorter form fits";
  return refused == nullptr ? "nothing to leave out" : refused;
}

void edit_outcome(edit *e, nf_bytes answer, arena scratch) {
  /* an answer is one line: what follows is chatter */
  isize line = bytes_find(answer, bytes_from_str("\n"));
  bool cut = !e->ended && line < 0;
  answer = trim(answer);
  const char *refused = cut ? "the answer did not end" : answer_refused(e, answer, scratch);
  if (e->task_id == NF_TASK_SHORTEN) {
    refused = shorten(e, answer, refused, scratch);
  } else if (refused == nullptr) {
    refused = propose(e, answer, "ok", scratch);
  }
  if (refused != nullptr) edit_keep(e, edit_fits(e) ? NF_UNCHANGED : NF_UNFIT, refused);
}
