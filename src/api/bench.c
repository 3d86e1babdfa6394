/* nf_bench: decode and 32-row passes of the open model, timed here. Owns no statistics beyond
 * the median; the side-by-side comparison with other engines is bench/engine. */
#include "api/internal.h"
#include "base/text_out.h"

constexpr isize PREFIX_TOKENS = 128, BATCH_ROWS = 32, DECODE_TOKENS = 32, REPEATS_MAX = 64;

static f64 median(f64 *x, isize n) {
  for (isize i = 1; i < n; i++) { /* insertion sort: n is small */
    f64 v = x[i];
    isize k = i;
    for (; k > 0 && x[k - 1] > v; k--) x[k] = x[k - 1];
    x[k] = v;
  }
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static nf_status run_all(session *timeline) {
  nf_status status;
  do {
    status = session_run(timeline);
  } while (status == NF_PENDING);
  return status;
}

/* Varied ordinary tokens; which ones does not matter for the time. */
static void tokens_fill(i32 *ids, isize n, isize n_vocab) {
  u32 state = 12345;
  for (isize i = 0; i < n; i++) {
    state = state * 1664525 + 1013904223;
    ids[i] = (i32)((isize)(state >> 8) % n_vocab);
  }
}

static nf_status time_decode(session *timeline, i32 *ids, isize n_vocab, f64 *tok_s) {
  isize cached;
  nf_status status = session_set(timeline, ids, PREFIX_TOKENS, &cached);
  if (status == NF_OK) status = run_all(timeline);
  i64 start = os_clock_ns();
  for (isize i = 0; i < DECODE_TOKENS && status == NF_OK; i++) {
    status = session_push(timeline, (i32)((ids[i] + 1) % n_vocab));
    if (status == NF_OK) status = run_all(timeline);
  }
  *tok_s = (f64)DECODE_TOKENS * 1e3 / ms_since(start);
  return status;
}

static nf_status time_batch(session *timeline, i32 *ids, isize n_vocab, f64 *tok_s) {
  isize cached;
  nf_status status = session_set(timeline, ids, PREFIX_TOKENS, &cached);
  if (status == NF_OK) status = run_all(timeline);
  for (isize i = 0; i < BATCH_ROWS && status == NF_OK; i++) {
    status = session_push(timeline, (i32)((ids[i] + 2) % n_vocab));
  }
  i64 start = os_clock_ns();
  if (status == NF_OK) status = run_all(timeline);
  *tok_s = (f64)BATCH_ROWS * 1e3 / ms_since(start);
  return status;
}

nf_status nf_bench(nf_session *session, int32_t repeats, nf_bench_result *result, nf_error *error) {
  nf_engine *e = session->engine;
  isize n_vocab = text_n_vocab(e->vocab), n = isize_min(isize_max(repeats, 1), REPEATS_MAX), cached;
  error_clear(error);
  session->work = WORK_NONE;
  if (e->ctx_tokens < PREFIX_TOKENS + BATCH_ROWS + 1) {
    return error_set(error, NF_BAD_INPUT, E_STR("the benchmark needs a context of "),
                     E_INT(PREFIX_TOKENS + BATCH_ROWS + 1), E_STR(" tokens"));
  }
  f64 decode[REPEATS_MAX], batch[REPEATS_MAX], prefill;
  tokens_fill(session->ids, PREFIX_TOKENS, n_vocab);
  engine_enter(e);
  session_adapter_set(session->timeline, nullptr);
  i32 other = (session->ids[0] + 1) % (i32)n_vocab; /* nothing of the prefix is cached */
  nf_status status = session_set(session->timeline, &other, 1, &cached);
  if (status == NF_OK) status = run_all(session->timeline);
  i64 start = os_clock_ns();
  if (status == NF_OK)
    status = session_set(session->timeline, session->ids, PREFIX_TOKENS, &cached);
  if (status == NF_OK) status = run_all(session->timeline);
  prefill = ms_since(start);
  for (isize i = 0; i < n && status == NF_OK; i++) {
    status = time_decode(session->timeline, session->ids, n_vocab, &decode[i]);
    if (status == NF_OK) status = time_batch(session->timeline, session->ids, n_vocab, &batch[i]);
  }
  engine_leave(e);
  if (status != NF_OK) return error_set(error, status, E_STR("the benchmark could not run"));
  *result = (nf_bench_result){
      .decode_tok_s = median(decode, n), .rows32_tok_s = median(batch, n), .prefill_ms = prefill};
  return NF_OK;
}
