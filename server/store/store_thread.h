/* The thread that a store lives on: calls are queued by the event loop, run one after another
 * there, and come back to the loop. Does not own: what a call does with the store. */
#pragma once
#include <uv.h>

#include "server/store/store.h"

typedef struct store_thread store_thread;
typedef struct store_call store_call;
struct store_call {
  store_status (*work)(store *s, store_call *call); /* on the store's thread */
  void (*done)(store_call *call);                   /* on the loop; may free the call */
  store_status status;                              /* what work returned */
  nf_error error;                                   /* why, unless STORE_OK or STORE_NONE */
  store_call *next;
};

/* Takes the store. null: no memory or no thread; then the store is closed. */
store_thread *store_thread_start(uv_loop_t *loop, store *s);
void store_thread_post(store_thread *t, store_call *call);
/* More calls wait than a person would: answer 503 instead of posting one. */
bool store_thread_is_crowded(const store_thread *t);
/* How many calls came back with `status`, since the start. */
i64 store_thread_count(const store_thread *t, store_status status);
/* Run what is queued, close the store and forget about t; every `done` is called. The loop must
 * run until then. */
void store_thread_stop(store_thread *t);
