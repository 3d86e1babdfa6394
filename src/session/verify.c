/* Verification of drafts: one pass says how far the model itself would have gone the same way. See
 * session.h; the passes' machinery is session.c's. */
#include "session/timeline.h"

/* The pass under way verifies another draft than this one. */
static bool other_draft(const session *s, const i32 *draft, isize n) {
  return s->going.n_drafted != n ||
         session_tokens_common(s->tokens + s->n_tokens, n, draft, n) != n;
}

static void verify_begin(session *s, const i32 *draft, isize n) {
  session_pass *going = &s->going;
  isize n_pending = s->n_tokens - s->n_cached;
  going->kind = PASS_VERIFY;
  going->n_drafted = n;
  bytes_copy(s->tokens + s->n_tokens, draft, n * (isize)sizeof(i32));
  bytes_copy(going->asked, draft, n * (isize)sizeof(i32));
  going->asked[n] = 0; /* nothing is asked of the last row */
  going->spans[0] = (model_span){.kv = {.cache = s->cache},
                                 .tokens = s->tokens + s->n_cached,
                                 .m = n_pending + n,
                                 .pos = s->n_cached,
                                 .n_out_rows = n + 1};
  going->pass = (model_pass){.n_spans = 1,
                             .best = going->best,
                             .log_p_best = going->log_p_best,
                             .asked = going->asked,
                             .log_p_asked = going->log_p_asked};
}

nf_status session_verify(session *s, const i32 *draft, isize n, session_verdict *verdict) {
  if (s->n_tokens == 0 || n < 0) return NF_BAD_INPUT;
  n = isize_min(isize_min(n, SESSION_DRAFT_MAX), s->ctx_tokens - s->n_tokens);
  if (!session_tokens_known(s, draft, n)) return NF_BAD_INPUT;
  session_pass_keep(s, s->going.kind == PASS_FILL ? PASS_FILL : PASS_VERIFY);
  if (s->going.kind == PASS_VERIFY && other_draft(s, draft, n)) session_pass_keep(s, PASS_NONE);
  if (s->n_cached == s->n_tokens) s->n_cached--; /* its choice is row 0 of this pass */
  isize n_pending = s->n_tokens - s->n_cached;
  if (n_pending + n > MODEL_ROWS_MAX || s->going.kind == PASS_FILL) {
    return session_pass_fill(s, isize_min(n_pending - 1, MODEL_ROWS_MAX)); /* leaves one token */
  }
  if (s->going.kind == PASS_NONE) verify_begin(s, draft, n);
  nf_status status = session_pass_go(s);
  if (status != NF_OK) return status;
  const i32 *best = s->going.best;
  isize n_accepted = session_tokens_common(draft, n, best, n);
  s->n_tokens += n_accepted;
  s->n_cached = s->n_tokens;
  s->logits_ready = false;
  *verdict = (session_verdict){.n_looked = n,
                               .n_accepted = n_accepted,
                               .next = best[n_accepted],
                               .log_p_draft = s->going.log_p_asked,
                               .log_p_next = s->going.log_p_best[n_accepted]};
  return NF_OK;
}
