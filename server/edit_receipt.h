/* The receipt of an edit by this server, as the SDK reads it (sdk/src/types.ts, Receipt): which of
 * its places answered, why that one, what was tried, what it cost. Pure. */
#pragma once
#include "server/text_buf.h"

/* How a try at a place ended, by the SDK's names (types.ts, Attempt). */
typedef enum : u8 {
  TRY_OK,
  TRY_LOST,      /* the place is broken: its model cannot be opened */
  TRY_NO_MEMORY,
  TRY_REFUSED,   /* it does not take the edit, or nobody pays for it */
  TRY_NETWORK,   /* no answer, or one that is none */
  TRY_TIMEOUT,   /* given up */
  TRY_CANCELLED, /* the other place answered first */
  N_TRY_OUTCOMES,
} edit_outcome;
const char *edit_outcome_name(edit_outcome outcome);
const char *edit_place_name(nf_place place); /* "native", "upstream", "nowhere" */

enum { EDIT_TRIES_MAX = 2 /* each place once */ };
typedef struct {
  nf_place place;
  edit_outcome outcome;
  double ms;
} edit_attempt;

typedef struct {
  nf_place place;
  const char *model_id;
  const u8 *sha256; /* [32] of the model's file; null: not known, an upstream's */
  const char *adapter_name; /* null: none tuned it */
  const u8 *adapter_sha256; /* [32], with a name */
  const char *adapter_problem; /* why there is none where there should be one; null: "" */
  nf_receipt counts;
  const char *why;
  i64 bytes_sent, cost_micro;
  edit_attempt attempts[EDIT_TRIES_MAX]; /* the one that answered last */
  int n_attempts;
} edit_receipt;

/* Adds `,"receipt":{...}` to out. */
void edit_receipt_write(const edit_receipt *receipt, text_buf *out);
