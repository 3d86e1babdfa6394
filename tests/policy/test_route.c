/* nf_route by a table of cases: one line of facts, the plan it must give. What holds of all facts:
 * test_route_laws.c. */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "cmocka_all.h"

/* A device of 10 passes of 10 ms and a server of 400 ms, both measured just now. */
static nf_route_facts usual(void) {
  return (nf_route_facts){
      .offered = true,
      .input_tokens = 200,
      .output_tokens = 20,
      .n_passes = 10,
      .device = {.state = NF_DEVICE_READY,
                 .pass_ms = 10,
                 .token_ms = 1,
                 .late = 1.5,
                 .cached_tokens = 180}, /* 120 ms, late 180 */
      .server = {.reachable = true,
                 .rtt_ms = 50,
                 .first_token_ms = 300,
                 .first_token_late_ms = 500,
                 .token_ms = 5, /* 400 ms, late 600 */
                 .input_price_micro = 150000,
                 .output_price_micro = 600000}, /* 30 + 12 = 42 micro */
  };
}

static void check(const char *what, const nf_route_facts *f, nf_place first, nf_place second,
                  nf_route_why why) {
  nf_route_plan plan = nf_route(f);
  if (plan.first == first && plan.second == second && plan.why == why) return;
  fail_msg("%s: %d then %d, %s", what, plan.first, plan.second, nf_route_why_name(plan.why));
}
#define CASE(what, change, first, second, why)              \
  do {                                                      \
    nf_route_facts f = usual();                             \
    change;                                                 \
    check(what, &f, NF_##first, NF_##second, NF_WHY_##why); \
  } while (0)

static void what_keeps_a_place_out(void **state) {
  (void)state;
  CASE("usual", (void)0, ON_DEVICE, IN_CLOUD, DEVICE_PREFERRED);
  CASE("absent", f.device.state = NF_DEVICE_ABSENT, IN_CLOUD, NOWHERE, DEVICE_ABSENT);
  CASE("lost", f.device.state = NF_DEVICE_LOST, IN_CLOUD, NOWHERE, DEVICE_LOST);
  CASE("not offered", f.offered = false, IN_CLOUD, NOWHERE, NOT_OFFERED);
  CASE("context", f.device.ctx_tokens_max = 219, IN_CLOUD, NOWHERE, CONTEXT);
  CASE("just fits", f.device.ctx_tokens_max = 220, ON_DEVICE, IN_CLOUD, DEVICE_PREFERRED);
  CASE("memory", (f.device.memory_need_bytes = 2e6, f.device.memory_room_bytes = 1e6), IN_CLOUD,
       NOWHERE, MEMORY);
  CASE("room unknown", f.device.memory_need_bytes = 2e6, ON_DEVICE, IN_CLOUD, DEVICE_PREFERRED);
  CASE("failing", f.device.breaker = NF_BREAKER_OPEN, IN_CLOUD, NOWHERE, DEVICE_FAILING);
  CASE("offline", f.user.offline = true, ON_DEVICE, NOWHERE, OFFLINE);
  CASE("away", f.server.reachable = false, ON_DEVICE, NOWHERE, SERVER_AWAY);
  CASE("server failing", f.server.breaker = NF_BREAKER_OPEN, ON_DEVICE, NOWHERE, SERVER_FAILING);
  CASE("budget", (f.server.has_budget = true, f.server.budget_left_micro = 41), ON_DEVICE, NOWHERE,
       BUDGET);
  CASE("budget fits", (f.server.has_budget = true, f.server.budget_left_micro = 42), ON_DEVICE,
       IN_CLOUD, DEVICE_PREFERRED);
  CASE("nowhere", (f.device.state = NF_DEVICE_LOST, f.user.offline = true), NOWHERE, NOWHERE,
       NOWHERE);
  nf_route_facts f = usual();
  f.device.state = NF_DEVICE_LOST;
  f.user.offline = true;
  nf_route_plan plan = nf_route(&f);
  assert_int_equal(plan.device_why, NF_WHY_DEVICE_LOST);
  assert_int_equal(plan.server_why, NF_WHY_OFFLINE);
  assert_true(plan.hedge_after_ms < 0 && plan.give_up_ms < 0);
}

static void modes(void **state) {
  (void)state;
  CASE("only device", f.mode = NF_ONLY_ON_DEVICE, ON_DEVICE, NOWHERE, ONLY_ON_DEVICE);
  CASE("only device, lost", (f.mode = NF_ONLY_ON_DEVICE, f.device.state = NF_DEVICE_LOST), NOWHERE,
       NOWHERE, NOWHERE);
  CASE("only device, late", (f.mode = NF_ONLY_ON_DEVICE, f.deadline_ms = 1), ON_DEVICE, NOWHERE,
       ONLY_ON_DEVICE);
  CASE("only cloud", f.mode = NF_ONLY_IN_CLOUD, IN_CLOUD, NOWHERE, ONLY_IN_CLOUD);
  CASE("only cloud, offline", (f.mode = NF_ONLY_IN_CLOUD, f.user.offline = true), NOWHERE, NOWHERE,
       NOWHERE);
  CASE("prefer cloud, slower", f.mode = NF_PREFER_IN_CLOUD, ON_DEVICE, IN_CLOUD, DEVICE_FASTER);
  CASE("prefer cloud, patient", (f.mode = NF_PREFER_IN_CLOUD, f.patience_ms = 600), IN_CLOUD,
       ON_DEVICE, SERVER_PREFERRED);
  CASE("prefer cloud, too slow for that", (f.mode = NF_PREFER_IN_CLOUD, f.patience_ms = 599),
       ON_DEVICE, IN_CLOUD, DEVICE_FASTER);
  CASE("a mode that is none", f.mode = (nf_route_mode)9, ON_DEVICE, NOWHERE, ONLY_ON_DEVICE);
}

static void time_money_and_preference(void **state) {
  (void)state;
  CASE("slow device", f.device.pass_ms = 100, IN_CLOUD, ON_DEVICE, SERVER_FASTER); /* 1.5 s late */
  CASE("slow, patient", (f.device.pass_ms = 100, f.patience_ms = 2000), ON_DEVICE, IN_CLOUD,
       DEVICE_PREFERRED);
  /* 180 ms late against 5 % more than 171.5 */
  CASE("even",
       (f.server.token_ms = 0, f.server.first_token_late_ms = 171.5, f.server.first_token_ms = 100),
       ON_DEVICE, IN_CLOUD, DEVICE_PREFERRED);
  CASE("not even",
       (f.server.token_ms = 0, f.server.first_token_late_ms = 171.4, f.server.first_token_ms = 100),
       IN_CLOUD, ON_DEVICE, SERVER_FASTER);
  CASE("queue", (f.device.state = NF_DEVICE_BUSY, f.device.queue_ms = 400), IN_CLOUD, ON_DEVICE,
       SERVER_FASTER);
  CASE("a queue counts when busy only", f.device.queue_ms = 400, ON_DEVICE, IN_CLOUD,
       DEVICE_PREFERRED);
  CASE("deadline, both", f.deadline_ms = 600, ON_DEVICE, IN_CLOUD, DEVICE_PREFERRED);
  CASE("deadline, the device alone",
       (f.mode = NF_PREFER_IN_CLOUD, f.patience_ms = 1000, f.deadline_ms = 599), ON_DEVICE,
       IN_CLOUD, DEVICE_DEADLINE);
  CASE("deadline, the server alone",
       (f.device.pass_ms = 60, f.patience_ms = 1000, f.deadline_ms = 700), IN_CLOUD, ON_DEVICE,
       SERVER_DEADLINE); /* the device: 620, late 930 */
  CASE("deadline, none for sure, the server likely",
       (f.device.pass_ms = 60, f.patience_ms = 1000, f.deadline_ms = 500), IN_CLOUD, ON_DEVICE,
       SERVER_DEADLINE); /* 400, late 600 */
  /* 930 ms against 5 % more than 600 and what 42 millionths are worth */
  CASE("worth it", (f.device.pass_ms = 60, f.second_micro = 150), IN_CLOUD, ON_DEVICE,
       SERVER_FASTER);
  CASE("not worth it", (f.device.pass_ms = 60, f.second_micro = 100, f.mode = NF_PREFER_IN_CLOUD),
       ON_DEVICE, IN_CLOUD, DEVICE_CHEAPER);
}

static void while_the_model_loads(void **state) {
  (void)state;
  CASE("loading",
       (f.device.state = NF_DEVICE_LOADING, f.device.loading_ms = 5000, f.device.progress = 0.5),
       IN_CLOUD, ON_DEVICE, DEVICE_LOADING);
  CASE("patience does not wait for a load",
       (f.device.state = NF_DEVICE_LOADING, f.device.loading_ms = 1000, f.device.progress = 0.5,
        f.patience_ms = 5000),
       IN_CLOUD, ON_DEVICE, DEVICE_LOADING);
  CASE("progress unknown", f.device.state = NF_DEVICE_LOADING, IN_CLOUD, ON_DEVICE, DEVICE_LOADING);
  CASE("nearly there",
       (f.device.state = NF_DEVICE_LOADING, f.device.loading_ms = 5000, f.device.progress = 0.99),
       ON_DEVICE, IN_CLOUD, DEVICE_SOON); /* 51 ms more, late 101 + 180 */
  CASE("loading, offline", (f.device.state = NF_DEVICE_LOADING, f.user.offline = true), ON_DEVICE,
       NOWHERE, OFFLINE);
  CASE("loading, the server too late",
       (f.device.state = NF_DEVICE_LOADING, f.device.loading_ms = 5000, f.device.progress = 0.97,
        f.deadline_ms = 550, f.server.first_token_ms = 490),
       ON_DEVICE, IN_CLOUD, DEVICE_SOON); /* 155 ms more, late 309 + 180 */
}

static nf_route_plan plan_of(nf_route_facts f) { return nf_route(&f); }

static void hedges(void **state) {
  (void)state;
  nf_route_facts f = usual();
  assert_true(fabs(plan_of(f).hedge_after_ms - 180) < 1e-9); /* the 95th percentile */
  f.deadline_ms = 170; /* neither is sure to be in time: once the device has had its turn */
  assert_true(fabs(plan_of(f).hedge_after_ms - 120) < 1e-9);
  f.device.late = 6; /* 720: the server's 600 before 700, but not before 120 */
  f.deadline_ms = 700;
  f.server.first_token_late_ms = 610; /* late 710 */
  assert_true(fabs(plan_of(f).hedge_after_ms - 120) < 1e-9);
  f = usual();
  f.user.save_data = true;
  assert_true(plan_of(f).hedge_after_ms < 0);
  f.deadline_ms = 150; /* the device may be late: then it is sent all the same */
  assert_true(fabs(plan_of(f).hedge_after_ms - 120) < 1e-9);
  f = usual();
  f.device.pass_ms = 60; /* the server first: a device at rest costs nothing */
  assert_true(fabs(plan_of(f).hedge_after_ms - 600) < 1e-9); /* but 620 ms, which win nothing */
  f.server.first_token_late_ms = 2000, f.device.late = 5;
  assert_true(fabs(plan_of(f).hedge_after_ms - 1250) < 1e-9); /* here they do: halfway */
  f.server.breaker = NF_BREAKER_HALF_OPEN; /* on trial: both at once */
  assert_true(plan_of(f).hedge_after_ms == 0);
  f.user.discharging = true, f.user.battery = 0.1; /* but for who runs low */
  assert_true(fabs(plan_of(f).hedge_after_ms - 400) < 1e-9);
  f = usual();
  f.device.pass_ms = 60;
  f.server.breaker = NF_BREAKER_CLOSED;
  f.user.discharging = true;
  f.user.battery = 0.1;
  assert_true(plan_of(f).hedge_after_ms < 0);
  f.device.pass_ms = 10; /* nor does patience hold for it, but being quicker does */
  f.patience_ms = 1000;
  assert_int_equal(plan_of(f).first, NF_ON_DEVICE);
  f.server.first_token_ms = 20, f.server.first_token_late_ms = 60;
  assert_int_equal(plan_of(f).first, NF_IN_CLOUD);
  f.user.discharging = false;
  assert_int_equal(plan_of(f).first, NF_ON_DEVICE);
}

static void what_was_not_measured_or_is_old(void **state) {
  (void)state;
  nf_route_facts f = usual();
  f.server.first_token_ms = f.server.first_token_late_ms = f.server.token_ms = 0;
  f.mode = NF_ONLY_IN_CLOUD;
  assert_true(fabs(plan_of(f).expected_ms - 450) < 1e-9); /* 3 x 50 + 300 */
  assert_true(fabs(plan_of(f).late_ms - 900) < 1e-9);
  f.server.first_token_ms = 3000;
  f.server.first_token_late_ms = 5000;
  f.server.age_ms = 30e3; /* half of it is forgotten */
  assert_true(fabs(plan_of(f).expected_ms - 1725) < 1e-6);
  f.server.age_ms = INFINITY; /* an hour: all of it */
  assert_true(fabs(plan_of(f).expected_ms - 450) < 1e-6);
  f.server.first_token_ms = 30; /* good news stays */
  assert_true(fabs(plan_of(f).expected_ms - 50) < 1e-6);
  f.mode = NF_PREFER_IN_CLOUD;
  f.server.first_token_ms = 900, f.server.first_token_late_ms = 900;
  f.device.pass_ms = 300;
  assert_true(plan_of(f).hedge_after_ms == 0 && plan_of(f).on_trial); /* half of what it was */
  f.server.age_ms = 10;
  assert_false(plan_of(f).on_trial);
  assert_true(plan_of(f).hedge_after_ms > 0);
  f = usual();
  f.mode = NF_ONLY_ON_DEVICE;
  f.device.pass_ms = 25;
  f.device.token_ms = 1;
  f.device.age_ms = 120e3; /* 270 and, of a guess, 170 */
  assert_true(fabs(plan_of(f).expected_ms - 220) < 1e-6);
  f.device.pass_ms = f.device.token_ms = 0;
  f.device.backend = NF_WEBGPU;
  assert_true(fabs(plan_of(f).expected_ms - 50) < 1e-9); /* 10 x 4 + 20 x 0.5 */
  f.n_passes = 0; /* one a token and one */
  assert_true(fabs(plan_of(f).expected_ms - 94) < 1e-9);
}

static void every_reason_has_words(void **state) {
  (void)state;
  for (int i = 1; i < NF_ROUTE_WHYS; i++) {
    assert_true(strlen(nf_route_why_name((nf_route_why)i)) > 3);
    assert_true(strlen(nf_route_why_text((nf_route_why)i)) > 10);
    for (int k = 1; k < i; k++) {
      assert_string_not_equal(nf_route_why_name((nf_route_why)i),
                              nf_route_why_name((nf_route_why)k));
    }
  }
  assert_string_equal(nf_route_why_name(NF_WHY_DEVICE_LOADING), "device_loading");
  assert_null(nf_route_why_name((nf_route_why)NF_ROUTE_WHYS));
  assert_null(nf_route_why_text((nf_route_why)-1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_keeps_a_place_out),
      cmocka_unit_test(modes),
      cmocka_unit_test(time_money_and_preference),
      cmocka_unit_test(while_the_model_loads),
      cmocka_unit_test(hedges),
      cmocka_unit_test(what_was_not_measured_or_is_old),
      cmocka_unit_test(every_reason_has_words),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
