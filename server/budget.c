/* See budget.h. */
#include "server/budget.h"

#include <time.h>

#include "server/store/store_thread.h"

enum { DAY_S = 86400, KEEP_DAYS = 92 };

struct budget {
  const config *config;
  server_log *log;
  store_thread *store;
  int n_open; /* charges, and a sweep */
  i64 swept_day;
  bool stopping, sweeping; /* sweeping: its call is the store's */
  store_call sweep;
  i64 sweep_before; /* a day; the call's own, and not written while it runs */
  i64 day, day_micro; /* what the store said last */
  i64 n_refused;
};

struct budget_charge {
  store_call call; /* first */
  budget *budget;
  store_charge charge;
  char client[STORE_CLIENT_BYTES];
  i64 cost, all;
  void *owner; /* null: it has left */
  void (*done)(void *owner, store_status status);
};

bool budget_wanted(const config *c) {
  return c->budget_day_micro > 0 || c->budget_client_day_micro > 0;
}

static void stop_check(budget *b) {
  if (!b->stopping || b->n_open > 0) return;
  store_thread_stop(b->store);
  free(b);
}

static void open_end(budget *b) {
  b->n_open--;
  stop_check(b);
}

/* ---- what is old ---- */

static store_status sweep_work(store *s, store_call *call) {
  const budget *b = (budget *)((char *)call - offsetof(budget, sweep));
  return store_budget_forget(s, b->sweep_before);
}

static void sweep_done(store_call *call) {
  budget *b = (budget *)((char *)call - offsetof(budget, sweep));
  if (call->status != STORE_OK) log_event(b->log, "budget", call->error.line);
  b->sweeping = false;
  open_end(b);
}

static void sweep_begin(budget *b, i64 day) {
  if (b->sweeping || b->swept_day == day) return;
  b->sweeping = true;
  b->swept_day = day;
  b->sweep_before = day - KEEP_DAYS;
  b->n_open++;
  b->sweep.work = sweep_work;
  b->sweep.done = sweep_done;
  store_thread_post(b->store, &b->sweep);
}

/* ---- charges ---- */

static void day_note(budget *b, const budget_charge *charge) {
  if (charge->charge.day < b->day) return;
  b->day = charge->charge.day;
  b->day_micro = charge->all;
}

static store_status settle_work(store *s, store_call *call) {
  budget_charge *charge = (budget_charge *)call;
  return store_settle(s, &charge->charge.id, charge->cost, &charge->all);
}

/* One that cannot be settled stays as it was reserved: too much, never too little. */
static void settle_done(store_call *call) {
  budget_charge *charge = (budget_charge *)call;
  budget *b = charge->budget;
  if (call->status == STORE_OK) day_note(b, charge);
  if (call->status != STORE_OK) log_event(b->log, "budget not settled", call->error.line);
  free(charge);
  open_end(b);
}

void budget_settle(budget_charge *charge, i64 micro) {
  charge->cost = micro;
  charge->call.work = settle_work;
  charge->call.done = settle_done;
  store_thread_post(charge->budget->store, &charge->call);
}

static store_status reserve_work(store *s, store_call *call) {
  budget_charge *charge = (budget_charge *)call;
  return store_reserve(s, &charge->charge, &charge->all);
}

static void reserve_done(store_call *call) {
  budget_charge *charge = (budget_charge *)call;
  budget *b = charge->budget;
  void *owner = charge->owner;
  void (*done)(void *, store_status) = charge->done;
  store_status status = call->status;
  if (status == STORE_OK) {
    day_note(b, charge);
    if (owner == nullptr) budget_settle(charge, 0);
  } else {
    b->n_refused += status == STORE_SPENT;
    if (status != STORE_SPENT) log_event(b->log, "budget not reserved", call->error.line);
    free(charge);
  }
  if (owner != nullptr) done(owner, status);
  if (status != STORE_OK) open_end(b);
}

budget_charge *budget_reserve(budget *b, const char *client, i64 micro, void *owner,
                              void (*done)(void *owner, store_status status)) {
  ASSERT(!b->stopping);
  budget_charge *charge = store_thread_is_crowded(b->store) ? nullptr : calloc(1, sizeof *charge);
  if (charge == nullptr) return nullptr;
  str_copy(charge->client, sizeof charge->client, client);
  charge->budget = b;
  charge->owner = owner;
  charge->done = done;
  charge->charge = (store_charge){.day = (i64)time(nullptr) / DAY_S,
                                  .client = charge->client,
                                  .micro = micro,
                                  .client_max = b->config->budget_client_day_micro,
                                  .all_max = b->config->budget_day_micro};
  job_id_make(&charge->charge.id);
  charge->call.work = reserve_work;
  charge->call.done = reserve_done;
  b->n_open++;
  sweep_begin(b, charge->charge.day);
  store_thread_post(b->store, &charge->call);
  return charge;
}

void budget_leave(budget_charge *charge) { charge->owner = nullptr; }

/* ---- start and stop ---- */

bool budget_start(uv_loop_t *loop, const config *c, server_log *log, budget **out, nf_error *error,
                  bool *machine) {
  char path[CONFIG_PATH_BYTES + 32];
  store *s = nullptr;
  *machine = true;
  budget *b = calloc(1, sizeof *b);
  if (b == nullptr) {
    snprintf(error->line, sizeof error->line, "budget: no memory");
    return false;
  }
  *b = (budget){.config = c, .log = log};
  snprintf(path, sizeof path, "sqlite:%s/nearfield.db", c->data);
  store_status status =
      store_open(&(store_desc){.url = c->store[0] != 0 ? c->store : path}, &s, error);
  *machine = status == STORE_DOWN || status == STORE_FULL || status == STORE_NO_MEMORY;
  if (status == STORE_OK) {
    b->store = store_thread_start(loop, s);
    *machine = b->store == nullptr;
    if (*machine) snprintf(error->line, sizeof error->line, "budget: no memory");
  }
  if (b->store == nullptr) {
    free(b);
    return false;
  }
  *out = b;
  return true;
}

void budget_stop(budget *b) {
  b->stopping = true;
  stop_check(b);
}

static i64 today_micro(const budget *b) {
  return b->day == (i64)time(nullptr) / DAY_S ? b->day_micro : 0;
}

bool budget_left(const budget *b, i64 *micro) {
  if (b->config->budget_day_micro == 0) return false;
  *micro = b->config->budget_day_micro - today_micro(b);
  return true;
}

void budget_metrics(const budget *b, text_buf *out) {
  char lines[500];
  int n = snprintf(
      lines, sizeof lines,
      "# HELP nearfield_budget_day_micro Spent and reserved today, by the store's last word.\n"
      "# TYPE nearfield_budget_day_micro gauge\nnearfield_budget_day_micro %lld\n"
      "# HELP nearfield_budget_refused_total Requests for which the day's money did not last.\n"
      "# TYPE nearfield_budget_refused_total counter\nnearfield_budget_refused_total %lld\n",
      (long long)today_micro(b), (long long)b->n_refused);
  text_buf_add(out, bytes_from(lines, n));
}
