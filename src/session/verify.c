/* Verification of drafts: one pass says how far the model itself would have gone the same way. See
 * session.h; the passes' machinery is session.c's. */
#include "session/timeline.h"

/* How much of each guess is looked at: of the first what fits a pass, of the others what that
 * leaves free, in rows and in slots. Returns the most of any. */
static isize guesses_cut(const session *s, const session_draft *guesses, isize n_guesses,
                         isize n_pending, isize *looked) {
  isize room = s->ctx_tokens - s->n_tokens;
  looked[0] = isize_min(isize_min(guesses[0].n, SESSION_DRAFT_MAX), room);
  isize free = s->rows_cheap - n_pending - looked[0], most = looked[0], slots = room;
  for (isize i = 1; i < n_guesses; i++) {
    looked[i] = isize_max(isize_min(isize_min(guesses[i].n, free - n_pending), room), 0);
    for (isize j = 0; j < i && looked[i] > 0; j++) {
      bool there = session_tokens_common(guesses[j].tokens, looked[j], guesses[i].tokens,
                                         looked[i]) == looked[i];
      if (there) looked[i] = 0;
    }
    isize more = isize_max(most, looked[i]), rows = n_pending + looked[i];
    if (looked[i] > 0 && more + rows > slots) looked[i] = 0;
    if (looked[i] == 0) continue;
    most = more;
    free -= rows;
    slots -= rows;
  }
  return most;
}

/* The pass under way verifies these guesses. */
static bool same_guesses(const session *s, const session_draft *guesses, isize n_guesses,
                         const isize *looked) {
  const session_pass *going = &s->going;
  for (isize i = 0; i < SESSION_GUESSES_MAX; i++) {
    isize n = i < n_guesses ? looked[i] : 0, i_span = going->i_span[i];
    if (n != going->looked[i]) return false;
    if (n == 0) continue;
    const i32 *draft = going->spans[i_span].tokens + going->n_pending[i_span];
    if (session_tokens_common(draft, n, guesses[i].tokens, n) != n) return false;
  }
  return true;
}

static void verify_begin(session *s, const session_draft *guesses, isize n_guesses,
                         const isize *looked, isize most) {
  session_pass *going = &s->going;
  isize n_pending = s->n_tokens - s->n_cached, n_first = n_pending + looked[0], rows = 0;
  going->kind = PASS_VERIFY;
  s->n_branches = 0; /* drafts may be written over theirs */
  going->pass = (model_pass){.best = going->best,
                             .log_p_best = going->log_p_best,
                             .asked = going->asked,
                             .log_p_asked = going->log_p_asked};
  for (isize i = 0; i < SESSION_GUESSES_MAX; i++) {
    going->looked[i] = i < n_guesses ? looked[i] : 0;
    going->accepted[i] = 0;
    if (i > 0 && going->looked[i] == 0) continue;
    model_kv kv = {.cache = s->cache};
    if (i > 0) { /* slots behind those that the winner will have in the trunk */
      kv.n_shared = s->n_cached;
      kv.gap = s->n_tokens + most + rows - n_first - s->n_cached;
    }
    going->i_span[i] = going->pass.n_spans;
    rows += session_span_add(s, rows, kv, s->n_cached, s->tokens + s->n_cached, n_pending,
                             guesses[i].tokens, going->looked[i]);
  }
  if (going->pass.n_spans > 1 || looked[0] > 0) {
    s->more = SESSION_MORE_FIRST;
    return;
  }
  isize room = s->ctx_tokens - s->n_tokens;
  isize n_more = isize_min(isize_min(s->more, s->more_max), room);
  going->pass.n_more = isize_min(n_more, s->more_wanted);
  s->more = 2 * n_more + 2;
}

/* The pass is done: the guess that came furthest goes onto the timeline. */
static void verify_end(session *s, session_verdict *verdict) {
  session_pass *going = &s->going;
  isize best = 0, n_offered = 0;
  for (isize i = 0; i < SESSION_GUESSES_MAX; i++) {
    isize n = going->looked[i], i_span = going->i_span[i];
    if (n == 0) continue;
    going->accepted[i] =
        session_tokens_common(going->spans[i_span].tokens + going->n_pending[i_span], n,
                              going->best + session_span_row(s, i_span), n);
    n_offered += n;
    if (going->accepted[i] > going->accepted[best]) best = i;
  }
  isize i_span = going->i_span[best], row = session_span_row(s, i_span);
  isize n_accepted = going->accepted[best];
  const model_span *span = &going->spans[i_span];
  bytes_copy(s->tokens + s->n_tokens, span->tokens + going->n_pending[i_span],
             n_accepted * (isize)sizeof(i32));
  if (best > 0) model_cache_move(span->kv, s->n_tokens, n_accepted);
  s->n_tokens += n_accepted;
  s->n_cached = s->n_tokens;
  s->logits_ready = false;
  s->ahead.at = 0;
  s->ahead.n = going->pass.n_more > 0 ? going->pass.n_more + 1 : 0;
  bytes_copy(s->ahead.tokens, going->best, s->ahead.n * (isize)sizeof(i32));
  bytes_copy(s->ahead.log_p, going->log_p_best, s->ahead.n * (isize)sizeof(f32));
  *verdict = (session_verdict){.n_offered = n_offered,
                               .i_guess = best,
                               .n_looked = going->looked[best],
                               .n_accepted = n_accepted,
                               .next = going->best[row + n_accepted],
                               .log_p_draft = going->log_p_asked + row,
                               .log_p_next = going->log_p_best[row + n_accepted],
                               .looked = going->looked,
                               .accepted = going->accepted};
}

/* A plain step whose answer an earlier one has brought along. */
static bool ahead_take(session *s, session_verdict *verdict) {
  session_ahead *ahead = &s->ahead;
  if (s->n_cached < s->n_tokens || ahead->at == ahead->n) return false;
  s->going.looked[0] = s->going.accepted[0] = 0;
  *verdict = (session_verdict){.next = ahead->tokens[ahead->at],
                               .log_p_draft = s->going.log_p_asked,
                               .log_p_next = ahead->log_p[ahead->at],
                               .looked = s->going.looked,
                               .accepted = s->going.accepted};
  return true;
}

nf_status session_verify_tree(session *s, const session_draft *guesses, isize n_guesses,
                              session_verdict *verdict) {
  if (s->n_tokens == 0 || n_guesses < 1 || n_guesses > SESSION_GUESSES_MAX) return NF_BAD_INPUT;
  for (isize i = 0; i < n_guesses; i++) {
    if (guesses[i].n < 0) return NF_BAD_INPUT;
  }
  isize looked[SESSION_GUESSES_MAX];
  isize n_pending = isize_max(s->n_tokens - s->n_cached, 1); /* a choice is always made anew */
  isize most = guesses_cut(s, guesses, n_guesses, n_pending, looked);
  for (isize i = 0; i < n_guesses; i++) {
    if (!session_tokens_known(s, guesses[i].tokens, looked[i])) return NF_BAD_INPUT;
  }
  session_pass_keep(s, s->going.kind == PASS_FILL ? PASS_FILL : PASS_VERIFY);
  if (s->going.kind == PASS_VERIFY && !same_guesses(s, guesses, n_guesses, looked)) {
    session_pass_keep(s, PASS_NONE);
  }
  if (n_guesses == 1 && looked[0] == 0 && ahead_take(s, verdict)) {
    s->more_wanted = MODEL_MORE_MAX;
    return NF_OK;
  }
  s->n_cached = s->n_tokens - n_pending;
  if (n_pending + looked[0] > MODEL_ROWS_MAX || s->going.kind == PASS_FILL) {
    nf_status status = session_pass_fill(s, isize_min(n_pending - 1, MODEL_ROWS_MAX));
    return status == NF_OK ? session_verify_tree(s, guesses, n_guesses, verdict) : status;
  }
  if (s->going.kind == PASS_NONE) {
    verify_begin(s, guesses, n_guesses, looked, most);
    s->more_wanted = MODEL_MORE_MAX;
  }
  nf_status status = session_pass_go(s);
  if (status == NF_OK) verify_end(s, verdict);
  return status;
}

void session_more_wanted(session *s, isize n) { s->more_wanted = isize_max(n, 0); }

nf_status session_verify(session *s, const i32 *draft, isize n, session_verdict *verdict) {
  const session_draft guess = {.tokens = draft, .n = n};
  return session_verify_tree(s, &guess, 1, verdict);
}
