/* What becomes of an answer: gate, guard, limits, tags and line breaks back in place, the list of
 * changes; and what can be done without the model. Deterministic. */
#include "base/utf8.h"
#include "caption/plain.h"
#include "edit/guard.h"
#include "edit/rebreak.h"
#include "edit/rules.h"
#include "edit/state.h"
#include "edit/whole.h"
#include "edit/words.h"

constexpr f32 COST_SAID = 1; /* what a version costs that another one has, see rules.h */

void edit_keep(edit *e, nf_verdict verdict, const char *why) {
  edit_proposal *p = &e->out[0];
  bytes_copy(p->text, e->input, e->input_len);
  p->text_len = e->input_len;
  p->n_changes = e->n_out = 0;
  e->verdict = verdict;
  e->why = why;
  e->phase = EDIT_DONE;
}

/* The first line without blanks at its ends: an answer is one line, what follows is chatter. */
static nf_bytes first_line(nf_bytes text, bool *more) {
  while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\n')) {
    text = bytes_slice(text, 1, text.len);
  }
  isize end = bytes_find(text, bytes_from_str("\n"));
  *more = end >= 0;
  if (*more) text.len = end;
  while (text.len > 0 && text.at[text.len - 1] == ' ') text.len--;
  return text;
}

static bool fits(const edit *e, nf_bytes cue) {
  nf_text_measure m = plain_measure(cue, e->format);
  return (e->chars_max == 0 || m.chars <= e->chars_max) &&
         (e->lines_max == 0 || m.lines <= e->lines_max);
}

bool edit_fits(const edit *e) { return fits(e, bytes_of(e->input, e->input_len)); }

/* What does not fit for its lines alone is re-flowed where that helps. */
static bool fits_rebroken(edit *e, edit_proposal *p, arena scratch) {
  nf_bytes text = bytes_of(p->text, p->text_len);
  if (fits(e, text)) return true;
  u8 *copy = arena_new(&scratch, text.len, u8);
  if (e->lines_max == 0 || copy == nullptr) return false;
  bytes_copy(copy, text.at, text.len);
  return rebreak(bytes_of(copy, text.len), e->format, e->lines_max, CUE_LINE_CHARS, p->text,
                 2 * EDIT_TEXT_BYTES_MAX, &p->text_len) &&
         fits(e, bytes_of(p->text, p->text_len));
}

/* The text of out[n_out] is a proposal. null: it stands and is counted; else why not. */
static const char *proposal_take(edit *e, const char *why, arena scratch) {
  edit_proposal *p = &e->out[e->n_out];
  nf_bytes input = bytes_of(e->input, e->input_len);
  if (!fits_rebroken(e, p, scratch)) return "the correction does not fit";
  nf_bytes text = bytes_of(p->text, p->text_len);
  if (bytes_equal(text, input)) return "already right"; /* words differed in blanks only */
  const char *refused = whole_refuses(input, text, e->format, e->protect, e->n_protect, scratch);
  if (refused != nullptr) return refused;
  for (isize i = 0; i < e->n_out; i++) {
    if (bytes_equal(text, bytes_of(e->out[i].text, e->out[i].text_len))) return "said already";
  }
  if (words_diff(input, text, &scratch, p->changes, EDIT_CHANGES_MAX, &p->n_changes) != NF_OK) {
    return "too long to compare";
  }
  p->why = why;
  e->n_out++;
  return nullptr;
}

/* The same for the words alone: tags and breaks are put back around them. */
static const char *propose(edit *e, nf_bytes plain, const char *why, arena scratch) {
  edit_proposal *p = &e->out[e->n_out];
  nf_status status = cue_text_join(&e->split, bytes_of(e->input, e->input_len), plain, scratch,
                                   p->text, 2 * EDIT_TEXT_BYTES_MAX, &p->text_len);
  return status == NF_OK ? proposal_take(e, why, scratch) : "the correction does not fit";
}

bool edit_rebreak_only(edit *e) {
  edit_proposal *p = &e->out[0];
  bytes_copy(p->text, e->input, e->input_len);
  p->text_len = e->input_len;
  if (proposal_take(e, "lines broken anew", e->scratch) != nullptr) return false;
  edit_finish(e);
  return true;
}

/* The last word is the beginning of a word of the caption and none of its own: a cut. */
static bool ends_cut(nf_bytes before, nf_bytes after, arena *scratch) {
  arena local = *scratch;
  word_list a, b;
  if (words_split(before, &local, &a) != NF_OK || words_split(after, &local, &b) != NF_OK) {
    return true;
  }
  if (b.n == 0) return true;
  isize last = b.n - 1;
  while (last > 0 && b.at[last].kind == WORD_OTHER) last--;
  nf_bytes w = b.at[last].text;
  bool begins = false;
  for (isize i = 0; i < a.n; i++) {
    if (word_same_letters(a.at[i].text, w)) return false;
    if (a.at[i].text.len <= w.len) continue;
    begins = begins || word_same_letters(bytes_slice(a.at[i].text, 0, w.len), w);
  }
  return begins;
}

static const char *answer_refused(edit *e, nf_bytes answer, arena scratch) {
  nf_bytes plain = bytes_of(e->plain, e->plain_len);
  if (bytes_equal(answer, plain)) return "already right";
  gate_bar bar;
  if (gate_bar_of(&e->task->gate, plain, answer, scratch, &bar) != NF_OK) {
    return "too long to compare";
  }
  f64 gain = e->log_p_answer - e->log_p_copy;
  if (e->phase == EDIT_DRAFTED) e->bar = bar, e->gain = gain;
  if (!(gain > (f64)bar.nats)) return bar.unsure;
  if (e->chars_max > 0 && ends_cut(plain, answer, &scratch)) return "a word was cut";
  const char *why = guard_refuses(e->task, plain, answer, e->protect, e->n_protect, &scratch);
  bool longer = grapheme_count(answer) >= grapheme_count(plain);
  return why == nullptr && e->task_id == NF_TASK_SHORTEN && longer ? "nothing to leave out" : why;
}

isize edit_plain_limit(const edit *e) {
  if (e->chars_max == 0) return 0;
  isize unseen = plain_measure(bytes_of(e->input, e->input_len), e->format).chars -
                 grapheme_count(bytes_of(e->plain, e->plain_len));
  return isize_max(e->chars_max - isize_max(unseen, 0), 1);
}

void edit_answer_take(edit *e, nf_bytes answer, arena scratch) {
  bool more_lines;
  answer = first_line(answer, &more_lines);
  bool cut = !e->ended && !more_lines;
  const char *refused = cut ? "the answer did not end" : answer_refused(e, answer, scratch);
  bool greedy = e->phase == EDIT_DRAFTED;
  if (greedy) e->too_long = refused == nullptr;
  if (refused == nullptr) {
    bool put_back = greedy && e->receipt.forced > 0;
    refused = propose(e, answer, put_back ? "ok, what must stay was put back" : "ok", scratch);
  }
  if (greedy) e->why = refused;
}

bool edit_wants_search(const edit *e) {
  bool shortens = e->task_id == NF_TASK_SHORTEN || e->task_id == NF_TASK_REWRITE;
  return shortens && e->chars_max > 0 && e->n_source <= SEARCH_TOKENS_MAX;
}

/* Rules bring in words and leave out as many as they are asked to: the guard looks after the rest
 * alone. */
static const char *rules_refused(const edit *e, nf_bytes after, arena scratch) {
  edit_task task = *e->task;
  task.new_words_max = EDIT_TEXT_BYTES_MAX;
  task.kept_percent_min = 0;
  task.only_leaves_out = false;
  return guard_refuses(&task, bytes_of(e->plain, e->plain_len), after, e->protect, e->n_protect,
                       &scratch);
}

/* The changes chosen are made in `text`, and proposed if that stands. */
static void propose_changes(edit *e, nf_bytes text, const rule_change *changes, isize n,
                            const char *why, arena scratch) {
  isize cap = 2 * EDIT_TEXT_BYTES_MAX, len = 0;
  u8 *out = arena_new(&scratch, cap, u8);
  if (out == nullptr || rules_apply(text, changes, n, scratch, out, cap, &len) != NF_OK) return;
  nf_bytes after = bytes_of(out, len);
  bool same = bytes_equal(after, bytes_of(e->plain, e->plain_len));
  if (!same && rules_refused(e, after, scratch) == nullptr) propose(e, after, why, scratch);
}

/* What the rules make of `text`; of shorten as many versions as are wanted, each by changes that
 * the ones before it did without where there are any. */
static void propose_by_rules(edit *e, nf_bytes text, arena scratch) {
  rule_change *changes = arena_new(&scratch, RULE_CHANGES_MAX, rule_change);
  isize n = 0;
  if (changes == nullptr || rules_find(e->task_id, text, e->protect, e->n_protect, &scratch,
                                       changes, RULE_CHANGES_MAX, &n) != NF_OK) {
    return;
  }
  if (e->task_id != NF_TASK_SHORTEN) {
    rules_choose_all(changes, n);
    propose_changes(e, text, changes, n, "ok", scratch);
    return;
  }
  for (isize i = 0; i < DRAWS_PER_VARIANT * e->n_variants && e->n_out < e->n_variants; i++) {
    if (!rules_choose(text, edit_plain_limit(e), scratch, changes, n)) return;
    propose_changes(e, text, changes, n, "words left out", scratch);
    for (isize k = 0; k < n; k++) {
      if (changes[k].chosen) changes[k].cost += COST_SAID;
      changes[k].chosen = false;
    }
  }
}

bool edit_by_rules(edit *e) {
  propose_by_rules(e, bytes_of(e->plain, e->plain_len), e->scratch);
  if (e->n_out == 0 && e->task->rules == EDIT_RULES_FIRST) return false;
  if (e->n_out == 0) e->why = "nothing to change";
  edit_finish(e);
  return true;
}

void edit_fall_back(edit *e, nf_bytes answer, arena scratch) {
  if (e->task_id != NF_TASK_SHORTEN) return;
  bool more_lines;
  answer = first_line(answer, &more_lines);
  if (e->too_long) propose_by_rules(e, answer, scratch);
  if (e->n_out == 0 && !edit_fits(e)) e->why = "no shorter form fits";
}

void edit_finish(edit *e) {
  if (e->n_out > 0) {
    e->verdict = NF_CHANGED;
    e->why = e->out[0].why;
    e->phase = EDIT_DONE;
  } else {
    edit_keep(e, edit_fits(e) ? NF_UNCHANGED : NF_UNFIT, e->why);
  }
  if (e->tracing) edit_trace_write(e);
}
