/* Money of a day, kept so that many may spend at once: what a request may cost is added when it
 * begins, and corrected when it is known. A charge that is never settled (the server died) stays as
 * it was reserved. See store.h. */
#include "server/store/store_sql.h"

typedef struct {
  const store_charge *charge;
  const job_id *id;
  i64 micro, all;
} budget_args;

static bool number_read(void *to, const nf_bytes *cells, isize n) {
  (void)n;
  (void)bytes_number(cells[0], to);
  return true;
}

static bool flag_set(void *to, const nf_bytes *cells, isize n) {
  (void)cells, (void)n;
  *(bool *)to = true;
  return true;
}

/* Add micro (it may be negative) to what `client` has spent; "" is everybody. */
static store_status spend(store *s, i64 day, const char *client, i64 micro, i64 *total) {
  *total = 0;
  return STORE_RUN(s, SQL_BUDGET_ADD, number_read, total, db_int(day), db_str(client),
                   db_int(micro));
}

static store_status spent(store *s, const char *whose) {
  snprintf(s->error.line, sizeof s->error.line, "the day's budget of %s is spent", whose);
  return STORE_SPENT;
}

/* Everybody's row first, in every transaction: so none waits for one that waits for it. */
static store_status reserve_work(store *s, void *to) {
  budget_args *a = to;
  const store_charge *c = a->charge;
  bool added = false;
  i64 own;
  store_status status = STORE_RUN(s, SQL_CHARGE_ADD, flag_set, &added, db_str(c->id.hex),
                                  db_int(c->day), db_str(c->client), db_int(c->micro));
  if (status != STORE_OK || !added) return status; /* there: a repeat after a lost connection */
  status = spend(s, c->day, "", c->micro, &a->all);
  if (status != STORE_OK) return status;
  if (c->all_max > 0 && a->all > c->all_max) return spent(s, "the server");
  status = spend(s, c->day, c->client, c->micro, &own);
  if (status != STORE_OK) return status;
  return c->client_max > 0 && own > c->client_max ? spent(s, "this client") : STORE_OK;
}

store_status store_reserve(store *s, const store_charge *charge, i64 *all) {
  ASSERT(charge->client[0] != 0 && charge->micro >= 0);
  budget_args a = {.charge = charge};
  store_status status = store_transact(s, reserve_work, &a);
  if (status == STORE_OK) *all = a.all;
  return status;
}

typedef struct {
  i64 day, micro;
  char client[STORE_CLIENT_BYTES];
  bool found;
} charge_row;

static bool charge_read(void *to, const nf_bytes *cells, isize n) {
  charge_row *row = to;
  ASSERT(n == 3);
  row->found = bytes_number(cells[0], &row->day) && bytes_number(cells[2], &row->micro);
  snprintf(row->client, sizeof row->client, "%.*s", (int)cells[1].len, (const char *)cells[1].at);
  return true;
}

static store_status settle_work(store *s, void *to) {
  budget_args *a = to;
  charge_row row = {0};
  i64 own;
  store_status status = STORE_RUN(s, SQL_CHARGE_TAKE, charge_read, &row, db_str(a->id->hex));
  if (status != STORE_OK) return status;
  if (!row.found) return STORE_NONE;
  status = spend(s, row.day, "", a->micro - row.micro, &a->all);
  return status == STORE_OK ? spend(s, row.day, row.client, a->micro - row.micro, &own) : status;
}

store_status store_settle(store *s, const job_id *id, i64 micro, i64 *all) {
  ASSERT(micro >= 0);
  budget_args a = {.id = id, .micro = micro};
  store_status status = store_transact(s, settle_work, &a);
  if (status == STORE_OK) *all = a.all;
  return status;
}

typedef struct {
  i64 day, micro;
  const char *client;
} day_args;

static store_status get_work(store *s, void *to) {
  day_args *a = to;
  a->micro = 0;
  return STORE_RUN(s, SQL_BUDGET_GET, number_read, &a->micro, db_int(a->day), db_str(a->client));
}

store_status store_budget_get(store *s, i64 day, const char *client, i64 *micro) {
  day_args a = {.day = day, .client = client};
  store_status status = store_transact(s, get_work, &a);
  if (status == STORE_OK) *micro = a.micro;
  return status;
}

static store_status forget_work(store *s, void *to) {
  day_args *a = to;
  store_status status = STORE_RUN(s, SQL_CHARGES_FORGET, nullptr, nullptr, db_int(a->day));
  if (status != STORE_OK) return status;
  return STORE_RUN(s, SQL_BUDGETS_FORGET, nullptr, nullptr, db_int(a->day));
}

store_status store_budget_forget(store *s, i64 before_day) {
  return store_transact(s, forget_work, &(day_args){.day = before_day});
}
