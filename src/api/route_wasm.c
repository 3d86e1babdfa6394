/* The router for JavaScript, a module of its own (nearfield-route.wasm, ADR 0020): nf_route,
 * nf_latency and nf_breaker with flat numbers, so that a page can choose before any engine is
 * there. Owns one row of numbers, and the latencies and breakers of one page. Nothing is freed:
 * they live as long as the module's instance. Does NOT import anything. Read next:
 * sdk/src/route.ts, which fills the row. */
#include "base/base.h"

/* The only caller is the host: a prototype would be read by nobody. */
#pragma clang diagnostic ignored "-Wmissing-prototypes"
#define EXPORT(name) __attribute__((export_name(#name))) name

enum { ROW = 48, LATENCIES = 32, BREAKERS = 8 };
static f64 row[ROW];
static nf_latency latencies[LATENCIES];
static nf_breaker breakers[BREAKERS];
static i32 n_latencies, n_breakers;

f64 *EXPORT(nf_wasm_route_row)(void) { return row; }
i32 EXPORT(nf_wasm_route_row_length)(void) { return ROW; }

/* An enum's number; what is none is out of range, which is the strictest. */
static i32 word(f64 x) { return x >= 0 && x <= 1000 ? (i32)x : -1; }
static i32 whole(f64 x) {
  if (!(x > 0)) return 0;
  return x < INT32_MAX ? (i32)x : INT32_MAX;
}
static bool truth(f64 x) { return x != 0; }

/* row in, 38 facts in the order of nf_route_facts' members: the edit's 8, the device's 14, the
 * server's 11 (0/1 for bool), the user's 5. row out, the plan's 11 members in their order. */
void EXPORT(nf_wasm_route)(void) {
  const f64 *r = row;
  nf_route_facts f = {.offered = truth(r[0]), .input_tokens = whole(r[1])};
  f.output_tokens = whole(r[2]), f.n_passes = whole(r[3]);
  f.deadline_ms = r[4], f.patience_ms = r[5], f.second_micro = r[6];
  f.mode = (nf_route_mode)word(r[7]);
  f.device = (nf_route_device){(nf_device_state)word(r[8]),
                               (nf_backend)word(r[9]),
                               (nf_breaker_state)word(r[10]),
                               .loading_ms = r[11],
                               .progress = r[12],
                               .queue_ms = r[13],
                               .pass_ms = r[14],
                               .token_ms = r[15],
                               .late = r[16],
                               .age_ms = r[17],
                               .cached_tokens = whole(r[18]),
                               .ctx_tokens_max = whole(r[19]),
                               .memory_need_bytes = r[20],
                               .memory_room_bytes = r[21]};
  f.server = (nf_route_server){truth(r[22]),
                               (nf_breaker_state)word(r[23]),
                               .rtt_ms = r[24],
                               .first_token_ms = r[25],
                               .first_token_late_ms = r[26],
                               .token_ms = r[27],
                               .age_ms = r[28],
                               .input_price_micro = r[29],
                               .output_price_micro = r[30],
                               .has_budget = truth(r[31]),
                               .budget_left_micro = r[32]};
  f.user = (nf_route_user){.offline = truth(r[33]),
                           .save_data = truth(r[34]),
                           .metered = truth(r[35]),
                           .discharging = truth(r[36]),
                           .battery = r[37]};
  nf_route_plan p = nf_route(&f);
  row[0] = p.first, row[1] = p.second, row[2] = p.why;
  row[3] = p.device_why, row[4] = p.server_why;
  row[5] = p.hedge_after_ms, row[6] = p.give_up_ms;
  row[7] = p.expected_ms, row[8] = p.late_ms, row[9] = p.cost_micro;
  row[10] = p.on_trial;
}
/* C strings; null: no such reason */
const char *EXPORT(nf_wasm_route_why_name)(i32 why) { return nf_route_why_name((nf_route_why)why); }
const char *EXPORT(nf_wasm_route_why_text)(i32 why) { return nf_route_why_text((nf_route_why)why); }

/* Its index; below 0: there are no more. */
i32 EXPORT(nf_wasm_latency_new)(void) { return n_latencies < LATENCIES ? n_latencies++ : -1; }
static nf_latency *latency_at(i32 i) {
  ASSERT(0 <= i && i < n_latencies);
  return &latencies[i];
}
void EXPORT(nf_wasm_latency_add)(i32 i, f64 value) { nf_latency_add(latency_at(i), value); }
void EXPORT(nf_wasm_latency_fade)(i32 i, f64 kept) { nf_latency_fade(latency_at(i), kept); }
f64 EXPORT(nf_wasm_latency_mean)(i32 i) { return latency_at(i)->mean; }
f64 EXPORT(nf_wasm_latency_late)(i32 i) { return nf_latency_late(latency_at(i)); }
f64 EXPORT(nf_wasm_latency_quantile)(i32 i, f64 share) {
  return nf_latency_quantile(latency_at(i), share);
}
f64 EXPORT(nf_wasm_latency_count)(i32 i) { return (f64)latency_at(i)->n; }

/* Its index; below 0: there are no more. pause_ms and now_ms are whole. */
i32 EXPORT(nf_wasm_breaker_new)(i32 failures_max, f64 pause_ms) {
  if (n_breakers == BREAKERS) return -1;
  breakers[n_breakers] = (nf_breaker){.failures_max = failures_max, .pause_ms = (i64)pause_ms};
  return n_breakers++;
}
static nf_breaker *breaker_at(i32 i) {
  ASSERT(0 <= i && i < n_breakers);
  return &breakers[i];
}
/* The era to give back; below 0: no try may begin for so many ms. */
f64 EXPORT(nf_wasm_breaker_take)(i32 i, f64 now_ms) {
  i64 era = 0, wait_ms = 0;
  return nf_breaker_take(breaker_at(i), (i64)now_ms, &era, &wait_ms) ? (f64)era : -(f64)wait_ms;
}
void EXPORT(nf_wasm_breaker_give)(i32 i, f64 era, i32 outcome, f64 now_ms) {
  nf_breaker_give(breaker_at(i), (i64)era, (nf_try_outcome)outcome, (i64)now_ms);
}
i32 EXPORT(nf_wasm_breaker_state)(i32 i, f64 now_ms) {
  return nf_breaker_state_at(breaker_at(i), (i64)now_ms);
}
