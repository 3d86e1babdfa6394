/* The model's passes of one answer: verified drafts, spans forced back, sampled variants. See
 * state.h. What becomes of a complete answer is outcome.c's. */
#include "base/math.h"
#include "edit/edit.h"
#include "edit/state.h"
#include "model/log_p.h"
#include "model/pick.h"

/* Sampling of variants: fitted by hand on the lines of tests/data/edit_lines.txt; hotter gives
 * answers that the guard refuses, colder the same one again. */
constexpr f32 VARIANT_TEMPERATURE = 0.9f, VARIANT_MIN_P = 0.05f;
/* A span is put back together with the words before it that the answer changed, when they are few.
 */
constexpr isize FORCED_BEFORE_MAX = 6;

void edit_note_pass(edit *e, edit_note note) {
  if (e->tracing && e->n_notes < EDIT_NOTES_MAX) e->notes[e->n_notes++] = note;
}

static void answer_clear(edit *e) {
  e->n_answer = e->force_to = e->n_forces = 0;
  e->ended = false;
  e->log_p_end = 0;
}

static align_source source_of(const edit *e) {
  return (align_source){
      .ids = e->source, .ends = e->source_ends, .text = e->source_text, .n = e->n_source};
}

void decode_begin(edit *e) {
  answer_clear(e);
  e->guess = align_start(source_of(e), 0);
  e->copying = true;
  e->n_scored = 0;
  e->log_p_copy = 0;
  e->phase = EDIT_DRAFTED;
}

static isize answer_tokens_max(const edit *e) {
  return isize_min(2 * e->n_source + 16, EDIT_TOKENS_MAX);
}

/* Take one token into the answer; at: the source token it may copy. true: the answer is complete.
 * What copies a part of the source that log_p_copy does not reach counts in neither sum. */
static bool answer_push(edit *e, isize at, i32 token, f32 log_p) {
  bool copied = at < e->n_source && e->source[at] == token;
  if (copied && at >= e->n_scored) log_p = 0;
  e->ended = text_is_end(e->vocab, token);
  if (e->ended) {
    e->log_p_end = log_p;
    return true;
  }
  e->log_p[e->n_answer] = log_p;
  e->copied[e->n_answer] = copied ? (i32)at : -1;
  e->answer[e->n_answer++] = token;
  return e->n_answer >= answer_tokens_max(e);
}

/* How likely the model holds the unchanged caption, as far as passes looked at it while the answer
 * still was a copy: after one pass all of it, but for captions over SESSION_DRAFT_MAX tokens. */
static void copy_score(edit *e, const session_verdict *v) {
  if (!e->copying) return;
  for (isize i = 0; i < v->n_looked; i++) e->log_p_copy += (f64)v->log_p_draft[i];
  e->n_scored += v->n_looked;
  e->copying = v->n_accepted == v->n_looked && e->n_scored < e->n_source &&
               v->next == e->source[e->n_scored];
  if (e->copying) {
    e->log_p_copy += (f64)v->log_p_next;
    e->n_scored++;
  }
}

/* The task's prefix is in the cache: keep it for the next request. */
static void prefix_save(edit *e) {
  session_snapshot *snapshot = e->tasks[e->task_id].snapshot;
  if (snapshot != nullptr && session_snapshot_empty(snapshot)) {
    session_save(e->timeline, e->tasks[e->task_id].n_prefix, snapshot);
  }
}

/* The model left the source inside what must be copied: take the source's tokens all the same. */
static bool force_rest(edit *e, isize at, isize n_forced, const session_verdict *v) {
  for (isize i = v->n_accepted; i < n_forced; i++) {
    if (session_push(e->timeline, e->source[at + i]) != NF_OK) return true; /* context full */
    if (answer_push(e, at + i, e->source[at + i], v->log_p_draft[i])) return true;
    e->receipt.forced++;
  }
  e->guess = align_start(source_of(e), at + n_forced);
  return false;
}

/* What one verification showed goes into the answer and, but for its end, onto the timeline.
 * true: the answer is complete. */
static bool answer_extend(edit *e, isize at, const session_verdict *v) {
  for (isize i = 0; i < v->n_accepted; i++) {
    if (answer_push(e, at + i, e->source[at + i], v->log_p_draft[i])) return true;
  }
  isize n_forced = isize_min(e->force_to - at, v->n_looked);
  if (v->n_accepted < n_forced) return force_rest(e, at, n_forced, v);
  u8 text[256];
  isize len = edit_decode(e, &v->next, 1, text, (isize)sizeof text);
  align_leave(&e->guess, 0, v->n_accepted, v->next, bytes_of(text, len));
  isize copies = e->guess.n_guesses > 0 ? e->guess.guesses[0] - 1 : e->n_source;
  if (copies < 0) copies = e->n_source; /* an insertion at the very start */
  if (answer_push(e, copies, v->next, v->log_p_next)) return true;
  return session_push(e->timeline, v->next) != NF_OK; /* context full: cut */
}

nf_status decode_drafted(edit *e) {
  session_verdict v;
  bool plain = e->guess.n_guesses == 0;
  isize at = plain ? e->n_source : e->guess.guesses[0];
  isize passes = session_passes(e->timeline);
  nf_status status = session_verify(e->timeline, e->source + at, e->n_source - at, &v);
  if (status == NF_PENDING && session_passes(e->timeline) > passes) {
    edit_note_pass(e, (edit_note){.kind = NOTE_PROMPT, .next = -1});
  }
  if (status != NF_OK) return status;
  e->receipt.drafted += (i32)v.n_looked;
  e->receipt.accepted += (i32)v.n_accepted;
  prefix_save(e);
  copy_score(e, &v);
  i32 forced = e->receipt.forced;
  bool complete = answer_extend(e, at, &v);
  forced = e->receipt.forced - forced;
  edit_note_pass(e, (edit_note){.kind = forced > 0 ? NOTE_FORCED
                                        : plain    ? NOTE_PLAIN
                                                   : NOTE_DRAFT,
                                .at = (i32)at,
                                .n_looked = (i32)v.n_looked,
                                .n_accepted = (i32)v.n_accepted,
                                .n_forced = forced,
                                .next = v.next,
                                .log_p_next = v.log_p_next});
  return complete ? NF_OK : NF_PENDING;
}

/* Tokens of the source that hold bytes [from, to) of its text: [*first, *end). */
static void tokens_of(const edit *e, keep_span span, isize *first, isize *end) {
  *first = 0;
  while (e->source_ends[*first] <= span.from) (*first)++;
  *end = *first + 1;
  while (e->source_ends[*end - 1] < span.to) (*end)++;
}

bool decode_put_back(edit *e, nf_bytes answer, arena scratch) {
  isize lost;
  nf_bytes source = bytes_of(e->source_text, e->source_ends[e->n_source - 1]);
  nf_status status = keep_lost(source, e->spans, e->n_spans, answer, scratch, &lost);
  if (status != NF_OK || lost == e->n_spans || e->n_forces == EDIT_FORCES_MAX) return false;
  isize first, end, left = 0;
  tokens_of(e, e->spans[lost], &first, &end);
  for (isize i = 0; i < e->n_answer; i++) {
    if (e->copied[i] >= 0 && e->copied[i] < first) left = i + 1;
  }
  isize from = left > 0 ? e->copied[left - 1] + 1 : 0;
  if (!e->task->keeps_words || first - from > FORCED_BEFORE_MAX) from = first;
  e->n_answer = left;
  e->ended = false;
  e->n_forces++;
  e->force_to = end;
  e->guess = align_start(source_of(e), from);
  return edit_timeline_set(e, e->answer, left) == NF_OK;
}

void decode_begin_sampled(edit *e) {
  answer_clear(e);
  e->i_draw++;
  e->at_draw = false;
  e->phase = EDIT_SAMPLED;
}

/* A draw from softmax(logits / T) of the tokens at least MIN_P times as likely as the likeliest,
 * by Gumbel-max: a function of seed, position and logits only. */
static i32 token_draw(const f32 *logits, isize n, f32 top, u64 seed, isize pos) {
  f32 least = top + VARIANT_TEMPERATURE * (f32)math_log((f64)VARIANT_MIN_P), most = 0;
  i32 drawn = -1;
  for (isize t = 0; t < n; t++) {
    if (!(logits[t] >= least)) continue;
    f32 key = logits[t] / VARIANT_TEMPERATURE + pick_gumbel(pick_hash(seed, (u32)pos, (u32)t));
    if (drawn < 0 || key > most) {
      drawn = (i32)t;
      most = key;
    }
  }
  return drawn;
}

nf_status decode_sampled(edit *e) {
  nf_status status = NF_OK;
  if (!e->at_draw) status = edit_timeline_set(e, e->answer, 0);
  e->at_draw = true;
  if (status == NF_OK) status = session_run(e->timeline);
  if (status != NF_OK) return status;
  const f32 *logits = session_logits(e->timeline);
  f32 top = logits[0];
  for (isize t = 1; t < e->n_vocab; t++) top = logits[t] > top ? logits[t] : top;
  u64 seed = e->seed + (u64)e->i_draw;
  i32 token = token_draw(logits, e->n_vocab, top, seed, e->n_prompt + e->n_answer);
  if (token < 0) return NF_OK; /* no number among the logits: the answer is cut */
  f64 sum = (f64)log_p_exp_sum(logits, e->n_vocab, top);
  f32 log_p = logits[token] - top - (f32)math_log(sum);
  edit_note_pass(
      e,
      (edit_note){.kind = NOTE_SAMPLE, .at = (i32)e->i_draw, .next = token, .log_p_next = log_p});
  if (answer_push(e, e->n_source, token, log_p)) return NF_OK;
  return session_push(e->timeline, token) == NF_OK ? NF_PENDING : NF_OK;
}
