/* The day's money, of each client and of all together: what a request may cost is reserved in the
 * store before it begins and settled once it is known, so that any number at once, on any number of
 * servers, spend no more than there is. Has a store and a thread of its own. Millionths of a
 * currency, days of UTC. Does not own: prices, and who a client is. */
#pragma once
#include <uv.h>

#include "server/config.h"
#include "server/log.h"
#include "server/store/store.h"

typedef struct budget budget;
typedef struct budget_charge budget_charge;

/* Is there a budget to keep? */
bool budget_wanted(const config *c);
/* c outlives it; its folder `data` is there. false: the line says why; machine: the store cannot be
 * reached or written, else what was asked for is at fault. */
bool budget_start(uv_loop_t *loop, const config *c, server_log *log, budget **b, nf_error *error,
                  bool *machine);
/* Reserve no more; let go of the loop and free all once every charge is settled. */
void budget_stop(budget *b);

/* Reserve micro for a client (1..STORE_CLIENT_BYTES - 1 letters). done(owner, status) comes once,
 * on a later turn of the loop: STORE_OK, and budget_settle follows; STORE_SPENT, or another, and
 * the charge is no more. null: no memory, or too much waits for the store. */
budget_charge *budget_reserve(budget *b, const char *client, i64 micro, void *owner,
                              void (*done)(void *owner, store_status status));
/* The owner goes before `done`: that does not come, and nothing is spent. */
void budget_leave(budget_charge *charge);
/* It did cost micro. The charge is no more. */
void budget_settle(budget_charge *charge, i64 micro);

/* Of today's money for all, by the store's last word: true, and what is left; below 0: overspent.
 * false: there is no such bound. */
bool budget_left(const budget *b, i64 *micro);

void budget_metrics(const budget *b, text_buf *out);
