/* Days that end while the store is still at work for the one before: every reservation comes back.
 * The clock of the program is the test's own. Not here: what a charge does to the store
 * (test_store.c), and requests (upstream_budget.test.mjs). */
#include <stdlib.h>
#include <time.h>

#include "cmocka_all.h"
#include "server/budget.h"

enum { DAY_S = 86400, DAYS = 200 };
static _Atomic i64 days_ahead;

/* In place of the C library's, for the server as well. */
time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time_t seconds = now.tv_sec + days_ahead * DAY_S;
  if (at != nullptr) *at = seconds;
  return seconds;
}

typedef struct {
  budget *budget;
  budget_charge *charges[DAYS];
  int n_done;
} spender;
static spender one;

static void on_reserved(void *owner, store_status status) {
  budget_charge **charge = owner;
  assert_int_equal(status, STORE_OK);
  budget_settle(*charge, 1);
  if (++one.n_done == DAYS) budget_stop(one.budget);
}

static void on_late(uv_timer_t *timer) {
  (void)timer;
  fail_msg("%d of %d reservations came back", one.n_done, DAYS);
}

static void days_go_by_while_the_store_is_busy(void **state) {
  (void)state;
  static config c;
  server_log log = {0};
  nf_error error = {0};
  bool machine;
  uv_loop_t loop;
  uv_timer_t late;
  str_copy(c.data, sizeof c.data, "/tmp/nearfield-budget-XXXXXX");
  assert_non_null(mkdtemp(c.data));
  c.budget_day_micro = 1000;
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_true(budget_start(&loop, &c, &log, &one.budget, &error, &machine));
  for (int i = 0; i < DAYS; i++) { /* the loop does not run: none is done before the next */
    days_ahead = i;
    one.charges[i] = budget_reserve(one.budget, "token:a", 2, &one.charges[i], on_reserved);
    assert_non_null(one.charges[i]);
  }
  uv_timer_init(&loop, &late);
  uv_timer_start(&late, on_late, 20000, 0);
  uv_unref((uv_handle_t *)&late);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(one.n_done, DAYS);
  uv_close((uv_handle_t *)&late, nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  char line[CONFIG_PATH_BYTES + 16];
  snprintf(line, sizeof line, "rm -rf %s", c.data);
  assert_int_equal(system(line), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(days_go_by_while_the_store_is_busy),
  };
  return cmocka_run_group_tests_name("budget", tests, nullptr, nullptr);
}
