/* See place.h. */
#include "policy/place.h"

#include "base/math.h"

constexpr f64 LN_2 = 0.6931471805599453;
constexpr f64 MS_MAX = 3600e3, MICRO_MAX = 1e15, BYTES_MAX = 0x1p53;
enum { TOKENS_MAX = 1 << 20 };
/* A load whose end nothing tells. */
constexpr f64 LOAD_MS_GUESS = 30e3;
/* Progress is not even (a download, then hashing and compiling): the rest may take twice as long.
 */
constexpr f64 LOAD_LATE = 2;
/* A server nobody has asked: a connection with TLS 1.3 and the request are three round trips. */
constexpr f64 RTT_MS_GUESS = 150, SERVER_ROUND_TRIPS = 3, SERVER_MS_GUESS = 300;
constexpr f64 LATE_GUESS = 2; /* 95th percentile over the mean */
/* A place whose bad news has faded to that share of it is on trial. */
constexpr f64 TRIAL_SHARE = 0.75;
/* Half-life of a measurement. Networks change sooner than devices. */
constexpr f64 SERVER_HALF_LIFE_MS = 30e3, DEVICE_HALF_LIFE_MS = 120e3;

/* SmolLM2-135M on a middling machine, by backend: ms a pass, ms a prompt token. docs/performance.md
 */
static const struct {
  f64 pass_ms, token_ms;
} GUESSES[] = {[NF_WASM] = {15, 3}, [NF_WEBGPU] = {4, 0.5}, [NF_NATIVE] = {8, 1}};

f64 place_fact(f64 x, f64 max) {
  if (!(x > 0)) return 0;
  return x < max ? x : max;
}
static f64 ms(f64 x) { return place_fact(x, MS_MAX); }
static f64 tokens(i32 n) { return place_fact(n, TOKENS_MAX); }
static f64 larger(f64 a, f64 b) { return a > b ? a : b; }

/* A measurement of that age; 0: none was made. Bad news fades towards the guess, so that a place
 * that has recovered is tried again; good news stays, because a place that is used is measured. */
static f64 faded(f64 measured, f64 guess, f64 age_ms, f64 half_life_ms) {
  if (measured <= 0) return guess;
  if (measured <= guess) return measured;
  f64 kept = math_exp(-LN_2 * ms(age_ms) / half_life_ms);
  return guess + kept * (measured - guess);
}

static f64 load_rest_ms(const nf_route_device *d) {
  f64 progress = place_fact(d->progress, 1), passed = ms(d->loading_ms);
  if (progress <= 0 || passed <= 0) return LOAD_MS_GUESS;
  return ms(passed * (1 - progress) / progress);
}

static nf_route_why device_why(const nf_route_facts *f) {
  const nf_route_device *d = &f->device;
  if (f->mode == NF_ONLY_IN_CLOUD) return NF_WHY_ONLY_IN_CLOUD;
  if (d->state == NF_DEVICE_LOST) return NF_WHY_DEVICE_LOST;
  if (d->state < NF_DEVICE_LOADING || d->state > NF_DEVICE_LOST) return NF_WHY_DEVICE_ABSENT;
  if (!f->offered) return NF_WHY_NOT_OFFERED;
  f64 room = place_fact(d->memory_room_bytes, BYTES_MAX);
  if (d->ctx_tokens_max > 0 &&
      tokens(f->input_tokens) + tokens(f->output_tokens) > d->ctx_tokens_max)
    return NF_WHY_CONTEXT;
  if (room > 0 && place_fact(d->memory_need_bytes, BYTES_MAX) > room) return NF_WHY_MEMORY;
  if (d->breaker != NF_BREAKER_CLOSED && d->breaker != NF_BREAKER_HALF_OPEN)
    return NF_WHY_DEVICE_FAILING;
  return NF_WHY_NONE;
}

place place_device(const nf_route_facts *f) {
  const nf_route_device *d = &f->device;
  place p = {.why = device_why(f), .on_trial = d->breaker == NF_BREAKER_HALF_OPEN};
  isize backend = NF_WASM <= d->backend && d->backend <= NF_NATIVE ? (isize)d->backend : NF_WASM;
  f64 pass = faded(ms(d->pass_ms), GUESSES[backend].pass_ms, d->age_ms, DEVICE_HALF_LIFE_MS);
  f64 token = faded(ms(d->token_ms), GUESSES[backend].token_ms, d->age_ms, DEVICE_HALF_LIFE_MS);
  f64 late = faded(place_fact(d->late, 100), LATE_GUESS, d->age_ms, DEVICE_HALF_LIFE_MS);
  f64 passes = f->n_passes > 0 ? tokens(f->n_passes) : 1 + tokens(f->output_tokens);
  f64 to_read = larger(0, tokens(f->input_tokens) - tokens(d->cached_tokens));
  f64 queue = d->state == NF_DEVICE_BUSY ? ms(d->queue_ms) : 0;
  p.waits = d->state == NF_DEVICE_LOADING;
  f64 rest = p.waits ? load_rest_ms(d) : 0;
  f64 own = queue + passes * pass + to_read * token;
  p.typical_ms = rest + own;
  p.late_ms = rest * LOAD_LATE + own * larger(late, 1);
  p.unknown = ms(d->pass_ms) <= 0;
  p.on_trial = p.on_trial || pass < TRIAL_SHARE * ms(d->pass_ms);
  return p;
}

f64 place_server_cost(const nf_route_facts *f) {
  f64 in = place_fact(f->server.input_price_micro, MICRO_MAX);
  f64 out = place_fact(f->server.output_price_micro, MICRO_MAX);
  return (tokens(f->input_tokens) * in + tokens(f->output_tokens) * out) / 1e6;
}

static nf_route_why server_why(const nf_route_facts *f) {
  const nf_route_server *s = &f->server;
  if (f->mode < NF_PREFER_ON_DEVICE || f->mode > NF_PREFER_IN_CLOUD ||
      f->mode == NF_ONLY_ON_DEVICE) {
    return NF_WHY_ONLY_ON_DEVICE;
  }
  if (f->user.offline) return NF_WHY_OFFLINE;
  if (!s->reachable) return NF_WHY_SERVER_AWAY;
  if (s->has_budget && place_server_cost(f) > place_fact(s->budget_left_micro, MICRO_MAX))
    return NF_WHY_BUDGET;
  /* the last one: it may be forgiven (route.c) */
  if (s->breaker != NF_BREAKER_CLOSED && s->breaker != NF_BREAKER_HALF_OPEN)
    return NF_WHY_SERVER_FAILING;
  return NF_WHY_NONE;
}

place place_server(const nf_route_facts *f) {
  const nf_route_server *s = &f->server;
  place p = {.why = server_why(f), .on_trial = s->breaker == NF_BREAKER_HALF_OPEN};
  f64 rtt = ms(s->rtt_ms);
  f64 guess = (rtt > 0 ? rtt : RTT_MS_GUESS) * SERVER_ROUND_TRIPS + SERVER_MS_GUESS;
  f64 first = ms(s->first_token_ms), late = ms(s->first_token_late_ms);
  f64 measured = first;
  if (first > 0 && late <= 0) late = first * LATE_GUESS;
  first = faded(first, guess, s->age_ms, SERVER_HALF_LIFE_MS);
  late = faded(late, guess * LATE_GUESS, s->age_ms, SERVER_HALF_LIFE_MS);
  f64 rest = tokens(f->output_tokens) * ms(s->token_ms);
  p.unknown = measured <= 0;
  p.on_trial = p.on_trial || first < TRIAL_SHARE * measured;
  p.typical_ms = larger(first, rtt) + rest;
  p.late_ms = larger(larger(late, first), rtt) + rest;
  return p;
}
