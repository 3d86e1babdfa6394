/* A circuit breaker: after so many failures in a row an upstream is left alone for a while, then
 * one request tries it. Pure; the caller has the clock.
 *
 *   CLOSED -> failures_max failures in a row -> OPEN -> pause_ms -> HALF_OPEN, one try
 *      ^---------------- it succeeded ------------------'   failed: OPEN, twice as long
 *
 * source Nygard, "Release It!", 2nd ed., "Circuit Breaker" */
#pragma once
#include "server/words.h"

enum { BREAKER_DOUBLINGS = 5 /* so at most 32 x pause_ms */ };

typedef enum : u8 { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN } breaker_state;
typedef enum : u8 {
  TRY_OK,
  TRY_FAILED,
  TRY_NEUTRAL, /* says nothing about the upstream: the client went, the request was at fault */
} try_outcome;

typedef struct {
  int failures_max; /* >= 1 */
  i64 pause_ms;
  /* the inside, zero at first; state and counts may be read */
  breaker_state state;
  bool trying;    /* HALF_OPEN: its one try runs */
  int n_row;      /* failures in a row */
  int n_doubled;
  i64 until_ms;   /* OPEN */
  i64 era;        /* of the state: outcomes of tries begun before it count no more */
  i64 n_failures; /* ever */
  i64 n_opened;
} breaker;

/* May a try begin now? true: breaker_give follows, with *era. false: *wait_ms says how long not. */
bool breaker_take(breaker *b, i64 now_ms, i64 *era, i64 *wait_ms);
void breaker_give(breaker *b, i64 era, try_outcome outcome, i64 now_ms);
