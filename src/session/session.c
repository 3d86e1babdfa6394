/* The timeline: which tokens are in the KV cache, which are pending, when a pass runs.
 * The cache holds positions [0, n_cached) of tokens[0, n_tokens); what lies behind them in the
 * cache is garbage and is overwritten. Sampling is sampler.c; computing is model/. */
#include "session/session.h"

struct session {
  const model *m;
  model_scratch *scratch;
  pool *threads;
  model_kv *kv;
  i32 *tokens; /* [ctx_tokens] */
  f32 *logits; /* [n_vocab] */
  f32 log_p_draft[MODEL_ROWS_MAX]; /* of the last verification */
  isize n_vocab, ctx_tokens;
  isize n_tokens, n_cached;
  isize n_passes;
  bool logits_ready; /* logits are those of the last token */
};

/* Room beyond the cache's own, blocks rounded up to a line each. */
constexpr isize line = 64;

isize session_bytes(const model_shape *shape, isize ctx_tokens) {
  isize parts[] = {(isize)sizeof(session), ctx_tokens * (isize)sizeof(i32),
                   shape->n_vocab * (isize)sizeof(f32)};
  isize sum = model_kv_bytes(shape, ctx_tokens);
  for (isize i = 0; i < 3; i++) sum = bytes_add(sum, round_up(parts[i], line) + line);
  return sum;
}

nf_status session_open(const model *m, model_scratch *scratch, pool *threads, isize ctx_tokens,
                       arena *a, session **out) {
  ASSERT(ctx_tokens >= 2);
  const model_shape *shape = model_shape_get(m);
  arena start = *a;
  session *s = arena_alloc(a, 1, (isize)sizeof(session), line);
  i32 *tokens = arena_alloc_raw(a, ctx_tokens, (isize)sizeof(i32), line);
  f32 *logits = arena_alloc_raw(a, shape->n_vocab, (isize)sizeof(f32), line);
  model_kv *kv = nullptr;
  if (!s || !tokens || !logits || model_kv_open(shape, ctx_tokens, a, &kv)) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *s = (session){.m = m,
                 .scratch = scratch,
                 .threads = threads,
                 .kv = kv,
                 .tokens = tokens,
                 .logits = logits,
                 .n_vocab = shape->n_vocab,
                 .ctx_tokens = ctx_tokens};
  *out = s;
  return NF_OK;
}

isize session_ctx_tokens(const session *s) { return s->ctx_tokens; }
isize session_passes(const session *s) { return s->n_passes; }

isize session_tokens(const session *s, const i32 **tokens) {
  *tokens = s->tokens;
  return s->n_tokens;
}

f32 *session_logits(session *s) {
  ASSERT(s->logits_ready);
  return s->logits;
}

static bool tokens_known(const session *s, const i32 *tokens, isize n) {
  for (isize i = 0; i < n; i++) {
    if (tokens[i] < 0 || tokens[i] >= s->n_vocab) return false;
  }
  return true;
}

static isize common_tokens(const i32 *a, isize n_a, const i32 *b, isize n_b) {
  isize n = 0, limit = isize_min(n_a, n_b);
  while (n < limit && a[n] == b[n]) n++;
  return n;
}

nf_status session_set(session *s, const i32 *tokens, isize n, isize *cached) {
  if (n < 1 || n >= s->ctx_tokens || !tokens_known(s, tokens, n)) return NF_BAD_INPUT;
  isize common = common_tokens(s->tokens, s->n_cached, tokens, n - 1);
  bytes_move(s->tokens, tokens, n * (isize)sizeof(i32)); /* may be our own tokens */
  s->n_tokens = n;
  s->n_cached = common;
  s->n_passes = 0;
  s->logits_ready = false;
  *cached = common;
  return NF_OK;
}

nf_status session_push(session *s, i32 token) {
  if (s->n_tokens == s->ctx_tokens || !tokens_known(s, &token, 1)) return NF_BAD_INPUT;
  s->tokens[s->n_tokens++] = token;
  s->logits_ready = false;
  return NF_OK;
}

/* One pass over n tokens from the first one not in the cache; wanted: what of its last rows. */
static void pass_run(session *s, isize n, model_pass wanted) {
  wanted.tokens = s->tokens + s->n_cached;
  wanted.m = n;
  wanted.pos = s->n_cached;
  model_pass_run(s->m, s->kv, s->scratch, s->threads, &wanted);
  s->n_cached += n;
  s->n_passes++;
}

nf_status session_run(session *s) {
  if (s->n_tokens == 0) return NF_BAD_INPUT;
  if (s->logits_ready) return NF_OK;
  if (s->n_cached == s->n_tokens) s->n_cached--; /* a verification kept no logits */
  isize n_pending = s->n_tokens - s->n_cached;
  if (n_pending > MODEL_ROWS_MAX) {
    pass_run(s, MODEL_ROWS_MAX, (model_pass){});
    return NF_PENDING;
  }
  pass_run(s, n_pending, (model_pass){.n_out_rows = 1, .logits = s->logits});
  s->logits_ready = true;
  return NF_OK;
}

nf_status session_verify(session *s, const i32 *draft, isize n, session_verdict *verdict) {
  if (s->n_tokens == 0 || n < 0) return NF_BAD_INPUT;
  n = isize_min(isize_min(n, SESSION_DRAFT_MAX), s->ctx_tokens - s->n_tokens);
  if (!tokens_known(s, draft, n)) return NF_BAD_INPUT;
  if (s->n_cached == s->n_tokens) s->n_cached--; /* its choice is row 0 of this pass */
  isize n_pending = s->n_tokens - s->n_cached;
  if (n_pending + n > MODEL_ROWS_MAX) { /* leaves one token at least for the pass with rows */
    pass_run(s, isize_min(n_pending - 1, MODEL_ROWS_MAX), (model_pass){});
    return NF_PENDING;
  }
  i32 best[MODEL_ROWS_MAX], asked[MODEL_ROWS_MAX] = {}; /* nothing is asked of the last row */
  f32 log_p_best[MODEL_ROWS_MAX];
  bytes_copy(s->tokens + s->n_tokens, draft, n * (isize)sizeof(i32));
  bytes_copy(asked, draft, n * (isize)sizeof(i32));
  pass_run(s, n_pending + n,
           (model_pass){.n_out_rows = n + 1,
                        .best = best,
                        .asked = asked,
                        .log_p_asked = s->log_p_draft,
                        .log_p_best = log_p_best});
  isize n_accepted = 0;
  while (n_accepted < n && draft[n_accepted] == best[n_accepted]) n_accepted++;
  s->n_tokens += n_accepted;
  s->n_cached = s->n_tokens;
  s->logits_ready = false;
  *verdict = (session_verdict){.n_looked = n,
                               .n_accepted = n_accepted,
                               .next = best[n_accepted],
                               .log_p_draft = s->log_p_draft,
                               .log_p_next = log_p_best[n_accepted]};
  return NF_OK;
}

struct session_snapshot {
  model_kv *kv;
  i32 *tokens; /* [tokens_max] */
  isize n, tokens_max;
};

isize session_snapshot_bytes(const model_shape *shape, isize tokens_max) {
  return bytes_add(model_kv_bytes(shape, tokens_max),
                   (isize)sizeof(session_snapshot) + tokens_max * (isize)sizeof(i32) + 2 * line);
}

nf_status session_snapshot_open(const model_shape *shape, isize tokens_max, arena *a,
                                session_snapshot **out) {
  arena start = *a;
  session_snapshot *snapshot = arena_new(a, 1, session_snapshot);
  i32 *tokens = arena_new(a, tokens_max, i32);
  model_kv *kv = nullptr;
  if (!snapshot || !tokens || model_kv_open(shape, tokens_max, a, &kv) != NF_OK) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *snapshot = (session_snapshot){.kv = kv, .tokens = tokens, .tokens_max = tokens_max};
  *out = snapshot;
  return NF_OK;
}

bool session_snapshot_empty(const session_snapshot *snapshot) { return snapshot->n == 0; }

void session_save(const session *s, isize n, session_snapshot *to) {
  to->n = isize_min(isize_min(n, s->n_cached), to->tokens_max);
  bytes_copy(to->tokens, s->tokens, to->n * (isize)sizeof(i32));
  model_kv_copy(to->kv, s->kv, to->n);
}

void session_restore(session *s, const session_snapshot *from, const i32 *tokens, isize n) {
  if (common_tokens(from->tokens, from->n, tokens, n) < from->n) return;
  if (common_tokens(s->tokens, s->n_cached, tokens, n) >= from->n) return;
  if (from->n > s->ctx_tokens) return;
  bytes_copy(s->tokens, from->tokens, from->n * (isize)sizeof(i32));
  model_kv_copy(s->kv, from->kv, from->n);
  s->n_tokens = s->n_cached = from->n;
  s->logits_ready = false;
}
