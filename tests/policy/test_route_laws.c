/* What holds of nf_route whatever the facts: 200,000 random ones, plausible and absurd, compared
 * with plans of the same facts under other modes and prices. Cases by hand: test_route.c. */
#include <math.h>

#include "base/base.h"
#include "cmocka_all.h"

enum { ROUNDS = 200000 };

static u64 seed;
static u64 bits(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return seed >> 20;
}
static bool one_in(int n) { return bits() % (u64)n == 0; }
/* Mostly between low and high, evenly over the octaves; sometimes nothing, sometimes absurd. */
static f64 number(f64 low, f64 high) {
  static const f64 absurd[] = {0, -1, 1e300, -1e300, 5e-324};
  if (one_in(8)) {
    u64 k = bits() % 8;
    return k < 5 ? absurd[k] : k == 5 ? (f64)NAN : k == 6 ? (f64)INFINITY : -(f64)INFINITY;
  }
  return low * pow(high / low, (f64)(bits() % 10000) / 10000);
}
static i32 whole(i32 high) {
  if (one_in(16)) return one_in(2) ? INT32_MIN : INT32_MAX;
  return (i32)(bits() % (u64)(high + 1));
}
/* 0..last, or none of these. */
static i32 word(i32 last) {
  return one_in(30) ? (i32)(bits() % 1000) - 500 : whole(1000) % (last + 1);
}

static nf_route_facts random_facts(void) {
  return (nf_route_facts){
      .offered = !one_in(10),
      .input_tokens = whole(1500),
      .output_tokens = whole(200),
      .n_passes = whole(60),
      .deadline_ms = one_in(3) ? 0 : number(20, 10000),
      .patience_ms = one_in(3) ? 0 : number(20, 3000),
      .second_micro = one_in(3) ? 0 : number(1, 1e5),
      .mode = (nf_route_mode)word(3),
      .device = {.state = (nf_device_state)(one_in(2) ? NF_DEVICE_READY : word(4)),
                 .backend = (nf_backend)word(2),
                 .breaker = (nf_breaker_state)(one_in(3) ? word(2) : 0),
                 .loading_ms = number(10, 1e5),
                 .progress = number(0.01, 1),
                 .queue_ms = number(1, 5000),
                 .pass_ms = number(1, 200),
                 .token_ms = number(0.05, 20),
                 .late = number(0.8, 5),
                 .age_ms = number(1, 1e6),
                 .cached_tokens = whole(1500),
                 .ctx_tokens_max = one_in(4) ? whole(2048) : 0,
                 .memory_need_bytes = number(1e6, 1e9),
                 .memory_room_bytes = one_in(4) ? number(1e6, 1e9) : 0},
      .server = {.reachable = !one_in(8),
                 .breaker = (nf_breaker_state)(one_in(3) ? word(2) : 0),
                 .rtt_ms = number(5, 600),
                 .first_token_ms = number(50, 5000),
                 .first_token_late_ms = number(50, 15000),
                 .token_ms = number(0.5, 50),
                 .age_ms = number(1, 1e6),
                 .input_price_micro = number(1e3, 1e7),
                 .output_price_micro = number(1e3, 1e8),
                 .has_budget = one_in(3),
                 .budget_left_micro = number(1, 1e5)},
      .user = {.offline = one_in(10),
               .save_data = one_in(5),
               .metered = one_in(5),
               .discharging = one_in(2),
               .battery = number(0.05, 1)},
  };
}

static bool fits(nf_place where, const nf_route_plan *p) {
  if (where == NF_NOWHERE) return true;
  return (where == NF_ON_DEVICE ? p->device_why : p->server_why) == NF_WHY_NONE;
}

/* Total: a plan that can be followed, with places that can be used, and a reason. */
static void every_plan_can_be_followed(void **state) {
  (void)state;
  int n_by_place[3] = {0}, n_hedged = 0, n_why[NF_ROUTE_WHYS] = {0};
  seed = 1;
  for (int i = 0; i < ROUNDS; i++) {
    nf_route_facts f = random_facts();
    nf_route_plan p = nf_route(&f);
    assert_true(NF_NOWHERE <= p.first && p.first <= NF_IN_CLOUD);
    assert_true(NF_NOWHERE <= p.second && p.second <= NF_IN_CLOUD);
    assert_true(fits(p.first, &p) && fits(p.second, &p));
    assert_true(p.first == NF_NOWHERE ? p.second == NF_NOWHERE : p.second != p.first);
    /* who can is in the plan */
    assert_true((p.device_why == NF_WHY_NONE) ==
                (p.first == NF_ON_DEVICE || p.second == NF_ON_DEVICE));
    assert_true((p.server_why == NF_WHY_NONE) ==
                (p.first == NF_IN_CLOUD || p.second == NF_IN_CLOUD));
    assert_true(p.why != NF_WHY_NONE && nf_route_why_name(p.why) != nullptr);
    assert_true(isfinite(p.hedge_after_ms) && isfinite(p.give_up_ms) && isfinite(p.cost_micro));
    assert_true(p.hedge_after_ms < 0 || p.second != NF_NOWHERE);
    assert_true(isfinite(p.late_ms) && p.expected_ms >= 0 && p.cost_micro >= 0);
    assert_true((p.first == NF_NOWHERE) == (p.give_up_ms < 0));
    assert_true(p.first == NF_NOWHERE || p.give_up_ms >= p.late_ms || p.first == NF_IN_CLOUD);
    /* facts that rule a place out */
    bool device = p.first == NF_ON_DEVICE || p.second == NF_ON_DEVICE;
    bool server = p.first == NF_IN_CLOUD || p.second == NF_IN_CLOUD;
    assert_false(server && (f.mode == NF_ONLY_ON_DEVICE || f.user.offline || !f.server.reachable));
    assert_false(server && (f.mode < 0 || f.mode > 3));
    assert_false(server && f.server.has_budget &&
                 !(p.cost_micro <= fmax(0, f.server.budget_left_micro)));
    assert_false(device && (f.mode == NF_ONLY_IN_CLOUD || !f.offered));
    /* a breaker holds while the other place can answer, and only then */
    bool ready = p.device_why == NF_WHY_NONE && f.device.state != NF_DEVICE_LOADING;
    assert_false(server && ready && f.device.breaker == NF_BREAKER_CLOSED &&
                 f.server.breaker == NF_BREAKER_OPEN);
    assert_false(device && p.server_why == NF_WHY_NONE && f.device.breaker == NF_BREAKER_OPEN &&
                 f.server.breaker == NF_BREAKER_CLOSED);
    assert_false(p.first == NF_NOWHERE &&
                 (p.server_why == NF_WHY_SERVER_FAILING || p.device_why == NF_WHY_DEVICE_FAILING));
    assert_false(device && (f.device.state < NF_DEVICE_LOADING || f.device.state > NF_DEVICE_BUSY));
    n_by_place[p.first]++;
    n_hedged += p.hedge_after_ms >= 0;
    n_why[p.why]++;
  }
  for (int i = 0; i < 3; i++) assert_true(n_by_place[i] > ROUNDS / 20);
  assert_true(n_hedged > ROUNDS / 20);
  for (int i = 1; i < NF_ROUTE_WHYS; i++) {
    if (n_why[i] < 10) fail_msg("%s: %d times only", nf_route_why_name((nf_route_why)i), n_why[i]);
  }
}

/* Facts under which one place alone is asked; NF_NOWHERE: that is not allowed. */
static nf_route_plan alone(nf_route_facts f, nf_place where) {
  if (f.mode < 0 || f.mode > 3) f.mode = NF_ONLY_ON_DEVICE;
  bool denied = where == NF_ON_DEVICE ? f.mode == NF_ONLY_IN_CLOUD : f.mode == NF_ONLY_ON_DEVICE;
  /* what keeps failing meets no deadline */
  i32 breaker = where == NF_ON_DEVICE ? f.device.breaker : f.server.breaker;
  denied = denied || (breaker != NF_BREAKER_CLOSED && breaker != NF_BREAKER_HALF_OPEN);
  if (denied) return (nf_route_plan){0};
  f.mode = where == NF_ON_DEVICE ? NF_ONLY_ON_DEVICE : NF_ONLY_IN_CLOUD;
  return nf_route(&f);
}

static void no_plan_misses_a_deadline_that_another_meets(void **state) {
  (void)state;
  int n_met = 0, n_likely = 0, n_missed = 0;
  seed = 2;
  for (int i = 0; i < ROUNDS; i++) {
    nf_route_facts f = random_facts();
    if (!(f.deadline_ms > 0 && f.deadline_ms < 3600e3)) continue;
    nf_route_plan p = nf_route(&f);
    bool met = false, likely = false;
    for (nf_place where = NF_ON_DEVICE; where <= NF_IN_CLOUD; where++) {
      nf_route_plan other = alone(f, where);
      if (other.first == NF_NOWHERE) continue;
      met = met || other.late_ms <= f.deadline_ms;
      likely = likely || other.expected_ms <= f.deadline_ms;
    }
    if (met) assert_true(p.late_ms <= f.deadline_ms);
    if (!met && likely) assert_true(p.expected_ms <= f.deadline_ms);
    n_met += met;
    n_likely += !met && likely;
    n_missed += !met && !likely;
  }
  assert_true(n_met > 10000 && n_likely > 2000 && n_missed > 10000);
}

/* How much of the server a plan uses: 3 first, 2 hedged, 1 when the device fails, 0 not at all. */
static int server_use(const nf_route_plan *p) {
  if (p->first == NF_IN_CLOUD) return 3;
  if (p->second != NF_IN_CLOUD) return 0;
  return p->hedge_after_ms >= 0 ? 2 : 1;
}

static void a_dearer_server_is_not_used_more(void **state) {
  (void)state;
  int n_less = 0;
  seed = 3;
  for (int i = 0; i < ROUNDS; i++) {
    nf_route_facts f = random_facts();
    f.server.input_price_micro = fabs(number(1e3, 1e7)), f.server.output_price_micro = 0;
    nf_route_plan cheap = nf_route(&f);
    f.server.input_price_micro *= 1 + number(0.01, 100);
    if (!(f.server.input_price_micro >= 0)) continue; /* made absurd: not dearer */
    nf_route_plan dear = nf_route(&f);
    if (!(dear.cost_micro >= cheap.cost_micro)) continue;
    assert_true(server_use(&dear) <= server_use(&cheap));
    if (server_use(&dear) == 2 && server_use(&cheap) == 2)
      assert_true(dear.hedge_after_ms >= cheap.hedge_after_ms);
    n_less += server_use(&dear) < server_use(&cheap);
  }
  assert_true(n_less > 500);
}

static void a_slower_place_does_not_go_first_for_it(void **state) {
  (void)state;
  int n_moved = 0;
  seed = 4;
  for (int i = 0; i < ROUNDS; i++) {
    nf_route_facts f = random_facts();
    f.server.age_ms = f.device.age_ms = 0;
    f.server.first_token_ms = 50 + (f64)(bits() % 2000);
    f.server.first_token_late_ms = f.server.first_token_ms * 1.5;
    nf_place before = nf_route(&f).first;
    f.server.first_token_ms *= 1.5, f.server.first_token_late_ms *= 1.5;
    nf_place after = nf_route(&f).first;
    assert_false(before == NF_ON_DEVICE && after == NF_IN_CLOUD);
    n_moved += before != after;
  }
  assert_true(n_moved > 500);
}

/* Not known is one thing, however it is said. */
static void what_is_no_number_is_not_known(void **state) {
  (void)state;
  seed = 5;
  for (int i = 0; i < ROUNDS / 10; i++) {
    nf_route_facts f = random_facts(), g = f;
    f64 *of_f[] = {&f.deadline_ms,
                   &f.patience_ms,
                   &f.device.pass_ms,
                   &f.device.late,
                   &f.server.rtt_ms,
                   &f.server.first_token_ms,
                   &f.server.budget_left_micro,
                   &f.server.token_ms,
                   &f.user.battery,
                   &f.device.progress,
                   &f.second_micro};
    f64 *of_g[] = {&g.deadline_ms,
                   &g.patience_ms,
                   &g.device.pass_ms,
                   &g.device.late,
                   &g.server.rtt_ms,
                   &g.server.first_token_ms,
                   &g.server.budget_left_micro,
                   &g.server.token_ms,
                   &g.user.battery,
                   &g.device.progress,
                   &g.second_micro};
    for (size_t k = 0; k < sizeof of_f / sizeof of_f[0]; k++) {
      if (!one_in(3)) continue;
      *of_f[k] = 0;
      *of_g[k] = one_in(2) ? (f64)NAN : -number(1, 1e9);
      if (*of_g[k] > 0) *of_g[k] = -1; /* number() was negative itself */
    }
    nf_route_plan p = nf_route(&f), q = nf_route(&g);
    assert_true(p.first == q.first && p.second == q.second && p.why == q.why);
    assert_true(p.device_why == q.device_why && p.server_why == q.server_why);
    assert_true(p.hedge_after_ms == q.hedge_after_ms && p.give_up_ms == q.give_up_ms);
    assert_true(p.expected_ms == q.expected_ms && p.late_ms == q.late_ms);
    assert_true(p.cost_micro == q.cost_micro && p.on_trial == q.on_trial);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_plan_can_be_followed),
      cmocka_unit_test(no_plan_misses_a_deadline_that_another_meets),
      cmocka_unit_test(a_dearer_server_is_not_used_more),
      cmocka_unit_test(a_slower_place_does_not_go_first_for_it),
      cmocka_unit_test(what_is_no_number_is_not_known),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
