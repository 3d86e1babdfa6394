/* See breaker.h. */
#include "server/upstream/breaker.h"

enum { TRIAL_WAIT_MS = 1000 /* to come back in while another tries */ };

static void state_set(breaker *b, breaker_state state) {
  b->state = state;
  b->trying = false;
  b->n_row = 0;
  b->era++;
}

static void open_until(breaker *b, i64 now_ms) {
  b->until_ms = now_ms + (b->pause_ms << b->n_doubled);
  if (b->n_doubled < BREAKER_DOUBLINGS) b->n_doubled++;
  b->n_opened++;
  state_set(b, BREAKER_OPEN);
}

bool breaker_take(breaker *b, i64 now_ms, i64 *era, i64 *wait_ms) {
  if (b->state == BREAKER_OPEN && now_ms >= b->until_ms) state_set(b, BREAKER_HALF_OPEN);
  if (b->state == BREAKER_OPEN || b->trying) {
    *wait_ms = b->trying ? TRIAL_WAIT_MS : b->until_ms - now_ms;
    return false;
  }
  b->trying = b->state == BREAKER_HALF_OPEN;
  *era = b->era;
  return true;
}

void breaker_give(breaker *b, i64 era, try_outcome outcome, i64 now_ms) {
  if (outcome == TRY_FAILED) b->n_failures++;
  if (era != b->era) return;
  b->trying = false;
  if (outcome == TRY_OK) {
    b->n_row = b->n_doubled = 0;
    if (b->state == BREAKER_HALF_OPEN) state_set(b, BREAKER_CLOSED);
  } else if (outcome == TRY_FAILED) {
    b->n_row++;
    if (b->state == BREAKER_HALF_OPEN || b->n_row >= b->failures_max) open_until(b, now_ms);
  }
}
