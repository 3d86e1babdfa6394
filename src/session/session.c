/* The timeline: which tokens are in the KV cache, which are pending, when a pass runs.
 * The cache holds positions [0, n_cached) of tokens[0, n_tokens); what lies behind them in the
 * cache is garbage and is overwritten. Drafts are verify.c, snapshots snapshot.c, sampling is
 * sampler.c; computing is model/. */
#include "session/timeline.h"

isize session_bytes(const model *m, isize ctx_tokens) {
  const model_shape *shape = model_shape_get(m);
  isize parts[] = {(isize)sizeof(session), ctx_tokens * (isize)sizeof(i32),
                   SESSION_LOGITS_MAX * shape->n_vocab * (isize)sizeof(f32)};
  isize sum = model_cache_bytes(m, ctx_tokens);
  for (isize i = 0; i < 3; i++)
    sum = bytes_add(sum, round_up(parts[i], SESSION_LINE) + SESSION_LINE);
  return sum;
}

nf_status session_open(const model *m, model_scratch *scratch, pool *threads, isize ctx_tokens,
                       arena *a, session **out) {
  ASSERT(ctx_tokens >= 2);
  const model_shape *shape = model_shape_get(m);
  arena start = *a;
  session *s = arena_alloc(a, 1, (isize)sizeof(session), SESSION_LINE);
  i32 *tokens = arena_alloc_raw(a, ctx_tokens, (isize)sizeof(i32), SESSION_LINE);
  f32 *logits =
      arena_alloc_raw(a, SESSION_LOGITS_MAX * shape->n_vocab, (isize)sizeof(f32), SESSION_LINE);
  model_cache *cache = nullptr;
  if (!s || !tokens || !logits || model_cache_open(m, ctx_tokens, a, &cache)) {
    *a = start;
    return NF_NO_MEMORY;
  }
  *s = (session){.m = m,
                 .scratch = scratch,
                 .threads = threads,
                 .cache = cache,
                 .tokens = tokens,
                 .logits = logits,
                 .n_vocab = shape->n_vocab,
                 .ctx_tokens = ctx_tokens,
                 .more_max = model_more_max(m),
                 .more = SESSION_MORE_FIRST,
                 .more_wanted = MODEL_MORE_MAX,
                 .rows_cheap = model_rows_cheap(m)};
  *out = s;
  return NF_OK;
}

void session_close(session *s) {
  session_pass_keep(s, PASS_NONE);
  model_cache_close(s->cache);
}

void session_drop(session *s) { session_pass_keep(s, PASS_NONE); }

void session_adapter_set(session *s, const model_adapter *adapter) {
  model_adapter_key key = model_adapter_key_of(adapter);
  if (adapter != s->adapter) session_pass_keep(s, PASS_NONE);
  s->adapter = adapter; /* the one before may be closed by now: only its key is compared */
  if (model_adapter_key_equal(&key, &s->key)) return;
  s->key = key;
  s->n_cached = s->n_branches = s->ahead.n = s->ahead.at = 0;
  s->logits_ready = false;
}

isize session_ctx_tokens(const session *s) { return s->ctx_tokens; }
isize session_passes(const session *s) { return s->n_passes; }
isize session_rows_cheap(const session *s) { return s->rows_cheap; }

isize session_tokens(const session *s, const i32 **tokens) {
  *tokens = s->tokens;
  return s->n_tokens;
}

f32 *session_logits(session *s) {
  ASSERT(s->logits_ready);
  return s->logits;
}

bool session_tokens_known(const session *s, const i32 *tokens, isize n) {
  for (isize i = 0; i < n; i++) {
    if (tokens[i] < 0 || tokens[i] >= s->n_vocab) return false;
  }
  return true;
}

isize session_tokens_common(const i32 *a, isize n_a, const i32 *b, isize n_b) {
  isize n = 0, limit = isize_min(n_a, n_b);
  while (n < limit && a[n] == b[n]) n++;
  return n;
}

nf_status session_set(session *s, const i32 *tokens, isize n, isize *cached) {
  if (n < 1 || n >= s->ctx_tokens || !session_tokens_known(s, tokens, n)) return NF_BAD_INPUT;
  session_pass_keep(s, PASS_NONE);
  isize common = session_tokens_common(s->tokens, s->n_cached, tokens, n - 1);
  bytes_move(s->tokens, tokens, n * (isize)sizeof(i32)); /* may be our own tokens */
  s->n_tokens = n;
  s->n_cached = common;
  s->n_passes = s->n_branches = s->ahead.n = s->ahead.at = 0;
  s->logits_ready = false;
  *cached = common;
  return NF_OK;
}

nf_status session_push(session *s, i32 token) {
  if (s->n_tokens == s->ctx_tokens || !session_tokens_known(s, &token, 1)) return NF_BAD_INPUT;
  session_pass_keep(s, PASS_FILL); /* the tokens of a fill stay */
  session_ahead *ahead = &s->ahead;
  bool foreseen =
      s->n_cached == s->n_tokens && ahead->at < ahead->n && token == ahead->tokens[ahead->at];
  if (!foreseen) ahead->at = ahead->n;
  if (foreseen && ++ahead->at < ahead->n) s->n_cached++; /* its row is there too */
  s->tokens[s->n_tokens++] = token;
  s->n_branches = 0;
  s->logits_ready = false;
  return NF_OK;
}

void session_pass_keep(session *s, pass_kind kind) {
  if (s->going.kind == PASS_NONE || s->going.kind == kind) return;
  model_pass_drop(s->m, s->scratch);
  s->going.kind = PASS_NONE;
}

nf_status session_pass_go(session *s) {
  s->going.pass.spans = s->going.spans;
  s->going.pass.adapter = s->adapter;
  nf_status status = model_pass_run(s->m, s->scratch, s->threads, &s->going.pass);
  if (status == NF_PENDING) return status;
  s->going.kind = PASS_NONE;
  if (status == NF_OK) s->n_passes += 1 + s->going.pass.n_more;
  return status;
}

isize session_span_add(session *s, isize n_rows, model_kv kv, isize pos, const i32 *pending,
                       isize n_pending, const i32 *draft, isize looked) {
  session_pass *going = &s->going;
  isize i_span = going->pass.n_spans++, row = 0;
  for (isize i = 0; i < i_span; i++) row += going->spans[i].n_out_rows;
  bytes_copy(going->tokens + n_rows, pending, n_pending * (isize)sizeof(i32));
  bytes_copy(going->tokens + n_rows + n_pending, draft, looked * (isize)sizeof(i32));
  bytes_copy(going->asked + row, draft, looked * (isize)sizeof(i32));
  going->asked[row + looked] = 0; /* nothing is asked of the last row */
  going->n_pending[i_span] = n_pending;
  going->spans[i_span] = (model_span){.kv = kv,
                                      .tokens = going->tokens + n_rows,
                                      .m = n_pending + looked,
                                      .pos = pos,
                                      .n_out_rows = looked + 1};
  return n_pending + looked;
}

isize session_span_row(const session *s, isize i_span) {
  isize row = 0;
  for (isize i = 0; i < i_span; i++) row += s->going.spans[i].n_out_rows;
  return row;
}

/* The trunk's next n tokens, of which the last n_out rows are wanted. */
static model_span trunk_span(const session *s, isize n, isize n_out) {
  return (model_span){.kv = {.cache = s->cache},
                      .tokens = s->tokens + s->n_cached,
                      .m = n,
                      .pos = s->n_cached,
                      .n_out_rows = n_out};
}

nf_status session_pass_fill(session *s, isize n) {
  if (s->going.kind != PASS_FILL) {
    s->going.kind = PASS_FILL;
    s->going.spans[0] = trunk_span(s, n, 0);
    s->going.pass = (model_pass){.n_spans = 1};
  }
  nf_status status = session_pass_go(s);
  if (status != NF_OK) return status;
  s->n_cached += s->going.spans[0].m;
  return model_fills_ahead(s->m) ? NF_OK : NF_PENDING;
}

nf_status session_run(session *s) {
  if (s->n_tokens == 0) return NF_BAD_INPUT;
  if (s->logits_ready) return NF_OK;
  session_pass_keep(s, s->going.kind == PASS_FILL ? PASS_FILL : PASS_LOGITS);
  if (s->n_cached == s->n_tokens) s->n_cached--; /* a verification kept no logits */
  isize n_pending = s->n_tokens - s->n_cached;
  if (n_pending > MODEL_ROWS_MAX || s->going.kind == PASS_FILL) {
    nf_status status = session_pass_fill(s, MODEL_ROWS_MAX);
    return status == NF_OK ? session_run(s) : status;
  }
  if (s->going.kind == PASS_NONE) {
    s->going.kind = PASS_LOGITS;
    s->going.spans[0] = trunk_span(s, n_pending, 1);
    s->going.pass = (model_pass){.n_spans = 1, .logits = s->logits};
  }
  nf_status status = session_pass_go(s);
  if (status != NF_OK) return status;
  s->n_cached = s->n_tokens;
  s->logits_ready = true;
  return NF_OK;
}
