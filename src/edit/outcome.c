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

/* Put tags and breaks back around `plain`; when it fits, that is the result. */
static bool propose(edit *e, nf_bytes plain, const char *why, nf_status *status) {
  *status = cue_text_join(&e->split, bytes_of(e->input, e->input_len), plain, e->scratch, e->text,
                          2 * EDIT_TEXT_BYTES_MAX, &e->text_len);
  if (*status != NF_OK) return false;
  nf_bytes text = bytes_of(e->text, e->text_len);
  if (!fits(e, text)) return false;
  nf_bytes input = bytes_of(e->input, e->input_len);
  if (bytes_equal(text, input)) return false;
  *status = words_diff(input, text, &e->scratch, e->changes, EDIT_CHANGES_MAX, &e->n_changes);
  e->verdict = NF_CHANGED;
  e->why = why;
  return *status == NF_OK;
}

static const char *answer_refused(const edit *e, nf_bytes answer) {
  nf_bytes plain = bytes_of(e->plain, e->plain_len);
  if (bytes_equal(answer, plain)) return "already right";
  if (e->log_p_answer - e->log_p_copy <= (f64)e->task->gate) return "not sure enough";
  arena scratch = e->scratch;
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
 * of the caption itself. */
static nf_status shorten_outcome(edit *e, nf_bytes answer) {
  nf_bytes plain = bytes_of(e->plain, e->plain_len);
  nf_status status = NF_OK;
  const char *refused = answer_refused(e, answer);
  bool shorter = grapheme_count(answer) < grapheme_count(plain);
  if (refused == nullptr && shorter && propose(e, answer, "ok", &status)) return NF_OK;
  arena scratch = e->scratch;
  u8 *out = arena_new(&scratch, 2 * EDIT_TEXT_BYTES_MAX, u8);
  if (out == nullptr) return NF_NO_MEMORY;
  for (isize i = 0; i < 2 && status == NF_OK; i++) {
    nf_bytes from = i == 0 && refused == nullptr && shorter ? answer : plain;
    isize len = 0;
    status = fillers_remove(from, plain_limit(e), e->protect, e->n_protect, &scratch, out, &len);
    arena keep = e->scratch;
    e->scratch = scratch;
    bool done = status == NF_OK && len < plain.len &&
                propose(e, bytes_of(out, len), "fillers left out", &status);
    e->scratch = keep;
    if (done) return NF_OK;
  }
  if (status != NF_OK) return status;
  bool fitted = edit_fits(e);
  edit_keep(
      e, fitted ? NF_UNCHANGED : NF_UNFIT,
      fitted ? (refused == nullptr ? "nothing to leave out" : refused) : "no shorter form fits");
  return NF_OK;
}

nf_status edit_outcome(edit *e, nf_bytes answer) {
  answer = trim(answer);
  if (e->task_id == NF_TASK_SHORTEN) return shorten_outcome(e, answer);
  nf_status status = NF_OK;
  const char *refused = answer_refused(e, answer);
  if (refused == nullptr && propose(e, answer, "ok", &status)) return NF_OK;
  if (status != NF_OK) return status;
  bool fitted = edit_fits(e);
  if (refused == nullptr) refused = "the correction does not fit";
  edit_keep(e, fitted ? NF_UNCHANGED : NF_UNFIT, refused);
  return NF_OK;
}
