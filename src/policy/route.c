/* nf_route: the choice between two judged places (place.h). Pure. Owns the rule, which
 * docs/router.md has in words; does not measure, wait or send anything.
 *
 * "In time" has three ranks: 19 of 20 are (late <= deadline), the typical one is, neither is. A
 * place of a higher rank always goes first. Within a rank waiting and money are weighed, and the
 * preferred place wins what is about even. */
#include "policy/place.h"

constexpr f64 DEADLINE_MS_MAX = 3600e3, MICRO_MAX = 1e15;
constexpr f64 EVEN = 1.05; /* times that differ by less are even */
constexpr f64 BATTERY_LOW = 0.2;
constexpr f64 GIVE_UP = 3, GIVE_UP_MS_MIN = 1000, SERVER_GIVE_UP_MS_MAX = 30e3;
constexpr f64 NEVER = -1;

typedef struct {
  place at[3]; /* by nf_place */
  f64 deadline_ms; /* 0: none */
  f64 patience_ms;
  f64 cost_ms; /* the server's price as waiting */
  bool frugal_net, frugal_device; /* nothing is sent, computed, that may be thrown away */
} choice;

static int rank_of(const choice *c, nf_place where) {
  const place *p = &c->at[where];
  if (c->deadline_ms <= 0 || p->late_ms <= c->deadline_ms) return 2;
  return p->typical_ms <= c->deadline_ms ? 1 : 0;
}

static nf_place other_of(nf_place where) {
  return where == NF_ON_DEVICE ? NF_IN_CLOUD : NF_ON_DEVICE;
}

static f64 weight_of(const choice *c, nf_place where) {
  return c->at[where].late_ms + (where == NF_IN_CLOUD ? c->cost_ms : 0);
}

/* Both can. The place that goes first, and why. */
static nf_place first_of(const choice *c, const nf_route_facts *f, nf_route_why *why) {
  bool waits = c->at[NF_ON_DEVICE].waits;
  nf_place wish = f->mode == NF_PREFER_IN_CLOUD || waits ? NF_IN_CLOUD : NF_ON_DEVICE;
  nf_place other = other_of(wish);
  bool on_device = wish == NF_ON_DEVICE;
  int rank = rank_of(c, wish), rank_other = rank_of(c, other);
  f64 patience = waits || (on_device && c->frugal_device) ? 0 : c->patience_ms;
  f64 even = EVEN * weight_of(c, other);
  bool quick = weight_of(c, wish) <= (even > patience ? even : patience);
  if (rank > rank_other || (rank == rank_other && quick)) {
    *why = on_device ? NF_WHY_DEVICE_PREFERRED
           : waits   ? NF_WHY_DEVICE_LOADING
                     : NF_WHY_SERVER_PREFERRED;
    return wish;
  }
  bool by_rank = rank < rank_other;
  if (other == NF_IN_CLOUD) {
    *why = by_rank ? NF_WHY_SERVER_DEADLINE : NF_WHY_SERVER_FASTER;
  } else if (waits) {
    *why = NF_WHY_DEVICE_SOON;
  } else {
    bool slower = c->at[NF_ON_DEVICE].late_ms > c->at[NF_IN_CLOUD].late_ms;
    *why = by_rank ? NF_WHY_DEVICE_DEADLINE : slower ? NF_WHY_DEVICE_CHEAPER : NF_WHY_DEVICE_FASTER;
  }
  return other;
}

/* When the second starts beside the first. "After the 95th percentile" costs one request in twenty:
 * source Dean, Barroso 2013, "The Tail at Scale", CACM 56(2), "hedged requests". */
static f64 hedge_of(const choice *c, nf_place first) {
  const place *a = &c->at[first], *b = &c->at[other_of(first)];
  bool frugal = first == NF_ON_DEVICE ? c->frugal_net : c->frugal_device;
  f64 after = a->late_ms, halfway = (a->typical_ms + a->late_ms) / 2;
  if (a->on_trial) return frugal ? a->typical_ms : 0; /* nobody waits for an experiment */
  if (frugal && rank_of(c, first) == 2) return NEVER;
  /* nobody knows whether it is quicker: once, both */
  if (b->unknown && !b->waits && a->late_ms > c->patience_ms && !frugal) return 0;
  /* a ready device costs nothing but its time: sooner, where it can win */
  if (first == NF_IN_CLOUD && !b->waits && !frugal && halfway + b->typical_ms < a->late_ms) {
    after = halfway;
  }
  if (rank_of(c, first) <
      2) { /* so late that the second is still in time, but not before its turn */
    f64 rescue = c->deadline_ms - b->late_ms;
    f64 floor = rescue > a->typical_ms ? rescue : a->typical_ms;
    if (floor < after) after = floor;
  }
  return after;
}

static f64 give_up_of(const place *p, nf_place where) {
  f64 after = GIVE_UP * p->late_ms;
  if (after < GIVE_UP_MS_MIN) after = GIVE_UP_MS_MIN;
  return where == NF_IN_CLOUD && after > SERVER_GIVE_UP_MS_MAX ? SERVER_GIVE_UP_MS_MAX : after;
}

/* A breaker keeps a place out only while the other can answer: trying is better than failing. */
static void breaker_forgive(place *p, const place *other, nf_route_why failing) {
  if (p->why != failing || (other->why == NF_WHY_NONE && !other->waits)) return;
  p->why = NF_WHY_NONE;
  p->on_trial = true;
}

static choice choice_of(const nf_route_facts *f, f64 cost_micro) {
  f64 worth = place_fact(f->second_micro, MICRO_MAX);
  f64 battery = place_fact(f->user.battery, 1);
  return (choice){
      .at = {[NF_ON_DEVICE] = place_device(f), [NF_IN_CLOUD] = place_server(f)},
      .deadline_ms = place_fact(f->deadline_ms, DEADLINE_MS_MAX),
      .patience_ms = place_fact(f->patience_ms, DEADLINE_MS_MAX),
      .cost_ms = worth > 0 ? cost_micro / worth * 1000 : 0,
      .frugal_net = f->user.save_data || f->user.metered,
      .frugal_device = f->user.discharging && battery > 0 && battery < BATTERY_LOW,
  };
}

nf_route_plan nf_route(const nf_route_facts *f) {
  f64 cost = place_server_cost(f);
  choice c = choice_of(f, cost);
  breaker_forgive(&c.at[NF_IN_CLOUD], &c.at[NF_ON_DEVICE], NF_WHY_SERVER_FAILING);
  breaker_forgive(&c.at[NF_ON_DEVICE], &c.at[NF_IN_CLOUD], NF_WHY_DEVICE_FAILING);
  const place *device = &c.at[NF_ON_DEVICE], *server = &c.at[NF_IN_CLOUD];
  nf_route_plan plan = {.why = NF_WHY_NOWHERE,
                        .device_why = device->why,
                        .server_why = server->why,
                        .hedge_after_ms = NEVER,
                        .give_up_ms = NEVER,
                        .cost_micro = cost};
  bool on_device = device->why == NF_WHY_NONE, in_cloud = server->why == NF_WHY_NONE;
  if (on_device && in_cloud) {
    plan.first = first_of(&c, f, &plan.why);
    plan.second = other_of(plan.first);
    plan.hedge_after_ms = hedge_of(&c, plan.first);
  } else if (on_device) {
    plan.first = NF_ON_DEVICE;
    plan.why = server->why;
  } else if (in_cloud) {
    plan.first = NF_IN_CLOUD;
    plan.why = device->why;
  }
  if (plan.first == NF_NOWHERE) return plan;
  const place *a = &c.at[plan.first];
  plan.give_up_ms = give_up_of(a, plan.first);
  plan.on_trial = a->on_trial;
  plan.expected_ms = a->typical_ms;
  plan.late_ms = a->late_ms;
  if (plan.hedge_after_ms >= 0) {
    f64 rescued = plan.hedge_after_ms + c.at[plan.second].late_ms;
    if (rescued < plan.late_ms) plan.late_ms = rescued;
  }
  return plan;
}
