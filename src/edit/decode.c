/* The model's passes of one answer: verified drafts, spans forced back, sampled variants. See
 * state.h. What becomes of a complete answer is outcome.c's. */
#include "edit/edit.h"
#include "edit/state.h"

/* Sampling of variants: fitted by hand on the lines of tests/data/edit_lines.txt; hotter gives
 * answers that the guard refuses, colder the same one again. */
constexpr f32 VARIANT_TEMPERATURE = 0.9f, VARIANT_MIN_P = 0.05f;
/* Source tokens a sampled answer offers at first and after a rejection, if not more of them are
 * free; twice as many after a draft was accepted whole. */
constexpr isize DRAW_DRAFT_FIRST = 1;
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

/* The answer left its guess for the token `next`: where does it go on in the source? */
static void guess_leave(const edit *e, align *guess, isize i_guess, isize n_accepted, i32 next) {
  u8 text[256];
  isize len = edit_decode(e, &next, 1, text, (isize)sizeof text);
  align_leave(guess, i_guess, n_accepted, next, bytes_of(text, len));
}

/* What one verification showed goes into the answer and, but for its end, onto the timeline.
 * true: the answer is complete. */
static bool answer_extend(edit *e, isize at, const session_verdict *v) {
  for (isize i = 0; i < v->n_accepted; i++) {
    if (answer_push(e, at + i, e->source[at + i], v->log_p_draft[i])) return true;
  }
  isize n_forced = isize_min(e->force_to - at, v->n_looked);
  if (v->n_accepted < n_forced) return force_rest(e, at, n_forced, v);
  guess_leave(e, &e->guess, v->i_guess, v->n_accepted, v->next);
  isize copies = e->guess.n_guesses > 0 ? e->guess.guesses[0] - 1 : e->n_source;
  if (copies < 0) copies = e->n_source; /* an insertion at the very start */
  if (answer_push(e, copies, v->next, v->log_p_next)) return true;
  return session_push(e->timeline, v->next) != NF_OK; /* context full: cut */
}

/* The likeliest guess; the others beside it unless it is what must be copied, or a copy so far. */
static isize guesses_take(const edit *e, session_draft *guesses) {
  isize n = 0;
  bool one = e->copying || (e->guess.n_guesses > 0 && e->guess.guesses[0] < e->force_to);
  for (isize i = 0; i < (one ? isize_min(e->guess.n_guesses, 1) : e->guess.n_guesses); i++) {
    isize at = e->guess.guesses[i];
    guesses[n++] = (session_draft){.tokens = e->source + at, .n = e->n_source - at};
  }
  if (n == 0) guesses[n++] = (session_draft){.tokens = e->source}; /* a plain step */
  return n;
}

/* The guess that won tells what came then; each of the others is a line of its own. */
static void verdict_note(edit *e, const session_verdict *v, const isize *at, isize n_guesses,
                         i32 n_forced) {
  for (isize i = 0; i < n_guesses; i++) {
    if (i > 0 && v->looked[i] == 0) continue;
    bool plain = v->looked[i] == 0, won = i == v->i_guess;
    edit_note_pass(e, (edit_note){.kind = won && n_forced > 0 ? NOTE_FORCED
                                          : plain             ? NOTE_PLAIN
                                                              : NOTE_DRAFT,
                                  .beside = i > 0,
                                  .at = (i32)at[i],
                                  .n_looked = (i32)v->looked[i],
                                  .n_accepted = (i32)v->accepted[i],
                                  .n_forced = won ? n_forced : 0,
                                  .next = won ? v->next : -1,
                                  .log_p_next = v->log_p_next});
  }
}

nf_status decode_drafted(edit *e) {
  session_verdict v;
  session_draft guesses[ALIGN_GUESSES_MAX];
  isize n_guesses = guesses_take(e, guesses), at[ALIGN_GUESSES_MAX];
  for (isize i = 0; i < n_guesses; i++) at[i] = guesses[i].tokens - e->source;
  isize passes = session_passes(e->timeline);
  nf_status status = session_verify_tree(e->timeline, guesses, n_guesses, &v);
  if (status == NF_PENDING && session_passes(e->timeline) > passes) {
    edit_note_pass(e, (edit_note){.kind = NOTE_PROMPT, .next = -1});
  }
  if (status != NF_OK) return status;
  e->receipt.drafted += (i32)v.n_offered;
  e->receipt.accepted += (i32)v.n_accepted;
  edit_prefix_save(e);
  copy_score(e, &v);
  i32 forced = e->receipt.forced;
  bool complete = answer_extend(e, at[v.i_guess], &v);
  verdict_note(e, &v, at, n_guesses, e->receipt.forced - forced);
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

/* ---- variants: sampled answers, all of them branches behind the prompt ---- */

void decode_begin_sampled(edit *e, isize n) {
  e->i_draw = e->n_drawn;
  e->n_draws = n;
  e->at_draws = false;
  e->phase = EDIT_SAMPLED;
}

/* The timeline is the prompt; each draw a branch of it. */
static nf_status draws_begin(edit *e) {
  nf_status status = edit_timeline_set(e, e->answer, 0);
  if (status != NF_OK) return status;
  isize tokens_max = answer_tokens_max(e);
  e->n_draws = isize_min(e->n_draws, session_branches_room(e->timeline, tokens_max));
  session_branches_begin(e->timeline, e->n_draws, tokens_max);
  for (isize i = 0; i < e->n_draws; i++) {
    edit_draw *draw = &e->draws[i];
    *draw = (edit_draw){.tokens = draw->tokens,
                        .guess = align_start(source_of(e), 0),
                        .draft_max = DRAW_DRAFT_FIRST};
  }
  e->n_drawn += e->n_draws;
  e->at_draws = true;
  return NF_OK;
}

static void draw_push(edit *e, edit_draw *draw, i32 token, f32 log_p) {
  draw->log_p += (f64)log_p;
  draw->ended = draw->over = text_is_end(e->vocab, token);
  if (draw->over) return;
  draw->tokens[draw->n++] = token;
  draw->over = draw->n == answer_tokens_max(e);
}

/* A copying run makes longer drafts worth their rows, a rejection shorter ones. */
static void draw_extend(edit *e, isize i, const i32 *draft, const session_verdict *v) {
  edit_draw *draw = &e->draws[i];
  for (isize j = 0; j < v->n_accepted && !draw->over; j++) {
    draw_push(e, draw, draft[j], v->log_p_draft[j]);
  }
  if (draw->over) return;
  if (v->n_looked > 0) {
    draw->draft_max = v->n_accepted == v->n_looked ? 2 * v->n_looked : DRAW_DRAFT_FIRST;
  }
  guess_leave(e, &draw->guess, 0, v->n_accepted, v->next);
  draw_push(e, draw, v->next, v->log_p_next);
  if (!draw->over) draw->over = session_branch_push(e->timeline, i, v->next) != NF_OK;
}

nf_status decode_sampled(edit *e) {
  if (!e->at_draws) {
    nf_status status = draws_begin(e);
    if (status != NF_OK) return status;
  }
  session_branch_draft drafts[NF_VARIANTS_MAX];
  session_verdict verdicts[NF_VARIANTS_MAX];
  isize n_live = 0;
  for (isize i = 0; i < e->n_draws; i++) n_live += !e->draws[i].over;
  isize free =
      session_rows_cheap(e->timeline) / isize_max(n_live, 1) - 1; /* rows that cost nothing */
  for (isize i = 0; i < e->n_draws; i++) {
    const edit_draw *draw = &e->draws[i];
    isize at = draw->guess.n_guesses > 0 ? draw->guess.guesses[0] : e->n_source;
    isize n = isize_min(isize_max(draw->draft_max, free), e->n_source - at);
    drafts[i] = (session_branch_draft){.draft = {.tokens = e->source + at, .n = n},
                                       .seed = e->seed + (u64)(e->i_draw + i + 1),
                                       .over = draw->over};
  }
  nf_status status =
      session_branches_verify(e->timeline, drafts, VARIANT_TEMPERATURE, VARIANT_MIN_P, verdicts);
  if (status != NF_OK) return status;
  isize n_over = 0, n_notes = 0;
  for (isize i = 0; i < e->n_draws; i++) {
    if (!drafts[i].over) {
      const session_verdict *v = &verdicts[i];
      isize at = drafts[i].draft.tokens - e->source;
      bool ended = v->n_looked > 0 && at + v->n_accepted == e->n_source;
      draw_extend(e, i, drafts[i].draft.tokens, v);
      e->receipt.drafted += (i32)v->n_looked;
      e->receipt.accepted += (i32)v->n_accepted;
      edit_note_pass(e, (edit_note){.kind = NOTE_SAMPLE,
                                    .beside = n_notes++ > 0,
                                    .i_draw = (i32)(e->i_draw + i + 1),
                                    .at = (i32)at,
                                    .n_looked = (i32)v->n_looked,
                                    .n_accepted = (i32)v->n_accepted,
                                    .next = ended ? -1 : v->next,
                                    .log_p_next = v->log_p_next});
    }
    n_over += e->draws[i].over;
  }
  return n_over == e->n_draws ? NF_OK : NF_PENDING;
}
