/* nf_breaker of nearfield.h: counts failures in a row and keeps pauses. Pure; the caller has the
 * clock. Knows neither device nor server. Read next: route.c. */
#include "base/base.h"

enum { TRIAL_WAIT_MS = 1000 /* to come back in while another tries */ };

static void state_set(nf_breaker *b, nf_breaker_state state) {
  b->state = state;
  b->trying = false;
  b->n_row = 0;
  b->era++;
}

static void open_until(nf_breaker *b, i64 now_ms) {
  b->until_ms = now_ms + (b->pause_ms << b->n_doubled);
  if (b->n_doubled < NF_BREAKER_DOUBLINGS) b->n_doubled++;
  b->n_opened++;
  state_set(b, NF_BREAKER_OPEN);
}

bool nf_breaker_take(nf_breaker *b, i64 now_ms, i64 *era, i64 *wait_ms) {
  if (b->state == NF_BREAKER_OPEN && now_ms >= b->until_ms) state_set(b, NF_BREAKER_HALF_OPEN);
  if (b->state == NF_BREAKER_OPEN || b->trying) {
    *wait_ms = b->trying ? TRIAL_WAIT_MS : b->until_ms - now_ms;
    return false;
  }
  b->trying = b->state == NF_BREAKER_HALF_OPEN;
  *era = b->era;
  return true;
}

void nf_breaker_give(nf_breaker *b, i64 era, nf_try_outcome outcome, i64 now_ms) {
  if (outcome == NF_TRY_FAILED) b->n_failures++;
  if (era != b->era) return;
  b->trying = false;
  if (outcome == NF_TRY_OK) {
    b->n_row = b->n_doubled = 0;
    if (b->state == NF_BREAKER_HALF_OPEN) state_set(b, NF_BREAKER_CLOSED);
  } else if (outcome == NF_TRY_FAILED) {
    b->n_row++;
    if (b->state == NF_BREAKER_HALF_OPEN || b->n_row >= b->failures_max) open_until(b, now_ms);
  }
}

nf_breaker_state nf_breaker_state_at(const nf_breaker *b, i64 now_ms) {
  if (b->state == NF_BREAKER_CLOSED) return NF_BREAKER_CLOSED;
  bool waits = b->state == NF_BREAKER_OPEN ? now_ms < b->until_ms : b->trying;
  return waits ? NF_BREAKER_OPEN : NF_BREAKER_HALF_OPEN;
}
