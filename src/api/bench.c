/* nf_bench: decode and 32-row passes of the open model, timed here, a pass a call where a GPU works
 * meanwhile. Owns no statistics beyond the median; the side-by-side comparison with other engines
 * is bench/engine. */
#include "api/internal.h"
#include "base/text_out.h"

constexpr isize PREFIX_TOKENS = 128, BATCH_ROWS = 32, DECODE_TOKENS = 32;

static f64 median(f64 *x, isize n) {
  for (isize i = 1; i < n; i++) { /* insertion sort: n is small */
    f64 v = x[i];
    isize k = i;
    for (; k > 0 && x[k - 1] > v; k--) x[k] = x[k - 1];
    x[k] = v;
  }
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Varied ordinary tokens; which ones does not matter for the time. */
static void tokens_fill(i32 *ids, isize n, isize n_vocab) {
  u32 state = 12345;
  for (isize i = 0; i < n; i++) {
    state = state * 1664525 + 1013904223;
    ids[i] = (i32)((isize)(state >> 8) % n_vocab);
  }
}

/* The timeline becomes ids[0, n) anew. */
static nf_status start_over(nf_session *s, bench_phase phase, const i32 *ids, isize n) {
  isize cached;
  s->bench.phase = phase;
  s->bench.started_ns = os_clock_ns();
  return session_set(s->timeline, ids, n, &cached);
}

static nf_status bench_begin(nf_session *s, isize repeats, nf_error *error) {
  nf_engine *e = s->engine;
  isize n_vocab = text_n_vocab(e->vocab);
  if (e->ctx_tokens < PREFIX_TOKENS + BATCH_ROWS + 1) {
    return error_set(error, NF_BAD_INPUT, E_STR("the benchmark needs a context of "),
                     E_INT(PREFIX_TOKENS + BATCH_ROWS + 1), E_STR(" tokens"));
  }
  tokens_fill(s->ids, PREFIX_TOKENS, n_vocab);
  session_adapter_set(s->timeline, nullptr);
  s->work = WORK_BENCH;
  s->bench.n = isize_min(isize_max(repeats, 1), BENCH_REPEATS_MAX);
  s->bench.i = 0;
  i32 other = (s->ids[0] + 1) % (i32)n_vocab; /* nothing of the prefix is cached */
  return start_over(s, BENCH_EMPTY, &other, 1);
}

/* At most one pass of what is timed now. On a GPU decoding chooses its own tokens, several a
 * submit; on the CPU which tokens does not matter. */
static nf_status bench_pass(nf_session *s) {
  bench_run *b = &s->bench;
  bool decodes = b->phase == BENCH_DECODE || b->phase == BENCH_DECODE_PREFIX;
  if (!decodes || !s->engine->on_gpu) return session_run(s->timeline);
  session_verdict verdict;
  bool timed = b->phase == BENCH_DECODE; /* what came before, or comes after, is not counted */
  session_more_wanted(s->timeline, timed ? DECODE_TOKENS - b->i_token : 0);
  nf_status status = session_verify(s->timeline, nullptr, 0, &verdict);
  if (status == NF_OK) b->next = verdict.next;
  return status;
}

static nf_status token_push(nf_session *s) {
  bench_run *b = &s->bench;
  i32 n_vocab = (i32)text_n_vocab(s->engine->vocab);
  i32 token = s->engine->on_gpu ? b->next : (s->ids[b->i_token] + 1) % n_vocab;
  b->i_token++;
  return session_push(s->timeline, token);
}

static nf_status batch_push(nf_session *s) {
  i32 n_vocab = (i32)text_n_vocab(s->engine->vocab);
  nf_status status = NF_OK;
  for (isize i = 0; i < BATCH_ROWS && status == NF_OK; i++) {
    status = session_push(s->timeline, (s->ids[i] + 2) % n_vocab);
  }
  s->bench.phase = BENCH_BATCH;
  s->bench.started_ns = os_clock_ns();
  return status;
}

/* What follows when the passes of a phase are done. The last one leaves BENCH_DONE. */
static nf_status bench_next(nf_session *s) {
  bench_run *b = &s->bench;
  f64 ms = ms_since(b->started_ns);
  switch (b->phase) {
    case BENCH_EMPTY: return start_over(s, BENCH_PREFILL, s->ids, PREFIX_TOKENS);
    case BENCH_PREFILL:
      b->prefill_ms = ms;
      return start_over(s, BENCH_DECODE_PREFIX, s->ids, PREFIX_TOKENS);
    case BENCH_DECODE_PREFIX:
      b->i_token = 0;
      b->phase = BENCH_DECODE;
      b->started_ns = os_clock_ns();
      return token_push(s);
    case BENCH_DECODE:
      if (b->i_token < DECODE_TOKENS) return token_push(s);
      b->decode_tok_s[b->i] = (f64)DECODE_TOKENS * 1e3 / ms;
      return start_over(s, BENCH_BATCH_PREFIX, s->ids, PREFIX_TOKENS);
    case BENCH_BATCH_PREFIX: return batch_push(s);
    case BENCH_BATCH:
      b->batch_tok_s[b->i++] = (f64)BATCH_ROWS * 1e3 / ms;
      if (b->i < b->n) return start_over(s, BENCH_DECODE_PREFIX, s->ids, PREFIX_TOKENS);
      b->phase = BENCH_DONE;
      return NF_OK;
    case BENCH_DONE: break;
  }
  return NF_OK;
}

nf_status nf_bench(nf_session *session, int32_t repeats, nf_bench_result *result, nf_error *error) {
  nf_engine *e = session->engine;
  bench_run *b = &session->bench;
  error_clear(error);
  nf_status status = NF_OK;
  if (session->work != WORK_BENCH) status = bench_begin(session, repeats, error);
  if (status != NF_OK) return status;
  engine_enter(e);
  while (status == NF_OK && b->phase != BENCH_DONE) {
    status = bench_pass(session);
    if (status == NF_OK) {
      status = bench_next(session);
    } else if (status == NF_PENDING && !e->on_gpu) {
      status = NF_OK; /* a piece of a pass: go on */
    }
  }
  engine_leave(e);
  if (status == NF_PENDING) return status;
  session->work = WORK_NONE;
  if (status != NF_OK) return engine_step_failed(e, status, error);
  *result = (nf_bench_result){.decode_tok_s = median(b->decode_tok_s, b->n),
                              .rows32_tok_s = median(b->batch_tok_s, b->n),
                              .prefill_ms = b->prefill_ms};
  return NF_OK;
}
