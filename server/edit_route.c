/* See edit_route.h. */
#include "server/edit_route.h"

/* As in sdk/src/router: measures.ts and edits.ts say where they are from. */
static const double TOKEN_SHARE = 0.2, PASS_SHARE = 0.5, LETTERS_A_TOKEN = 4;
static const double PROMPT_TOKENS = 200, OWN_TOKENS = 12, GAIN = 1.0 / 8;
static const double FRESH_MS = 15000, HALF_LIFE_MS[3] = {1, 120000, 30000};
enum { FAILURES_MAX = 2, PAUSE_MS = 2000, CONTEXT_TOKENS = 1024 /* the engine's default */ };

static double units(const edit_work *w) { return w->passes + TOKEN_SHARE * w->read_tokens; }

static double tokens_of(nf_bytes t) { return (double)t.len / LETTERS_A_TOKEN + 2; }

static double prompt_tokens(const edit_router *r) {
  return r->prompt_tokens > 0 ? r->prompt_tokens : PROMPT_TOKENS;
}

static double age_of(const edit_router *r, nf_place place, i64 now_ms) {
  return (double)(now_ms - r->measured_ms[place]);
}

/* ---- the choice ---- */

static void device_fill(const edit_router *r, const edit_facts *f, nf_route_facts *out) {
  nf_route_device *d = &out->device;
  const models_entry *model = f->model;
  bool there = f->config->inference && model->name != nullptr && !model->failed;
  double queue_ms = there ? inference_queue_ms(f->inference) : 0;
  d->state = !there          ? NF_DEVICE_ABSENT
             : !model->ready ? NF_DEVICE_LOADING
             : queue_ms > 0  ? NF_DEVICE_BUSY
                             : NF_DEVICE_READY;
  d->backend = NF_NATIVE;
  d->breaker = nf_breaker_state_at(&r->native, f->now_ms);
  d->queue_ms = queue_ms;
  d->pass_ms = r->pass.mean;
  d->token_ms = TOKEN_SHARE * r->pass.mean;
  d->late = nf_latency_late(&r->late);
  d->age_ms = age_of(r, NF_ON_DEVICE, f->now_ms);
  d->cached_tokens = (int32_t)(prompt_tokens(r) - OWN_TOKENS);
  d->ctx_tokens_max = f->config->context_tokens > 0 ? f->config->context_tokens : CONTEXT_TOKENS;
}

static void server_fill(const edit_router *r, const edit_facts *f, nf_route_facts *out) {
  nf_route_server *s = &out->server;
  i64 left = 0;
  s->reachable = f->to != nullptr;
  if (!s->reachable) return;
  s->breaker = nf_breaker_state_at(&f->to->breaker, f->now_ms);
  nf_latency answer = strcmp(r->model, f->far->model) == 0 ? r->answer : (nf_latency){0};
  s->first_token_ms = answer.mean; /* an answer comes whole */
  s->first_token_late_ms = nf_latency_late(&answer);
  s->age_ms = age_of(r, NF_IN_CLOUD, f->now_ms);
  s->input_price_micro = (double)f->far->input_micro;
  s->output_price_micro = (double)f->far->output_micro;
  s->has_budget = f->budget != nullptr && budget_left(f->budget, &left);
  s->budget_left_micro = (double)left;
}

nf_route_plan edit_router_plan(edit_router *r, const edit_facts *f, edit_work *expected) {
  const nf_edit_desc *desc = &f->request->desc;
  nf_task_info task = {0};
  bool known = nf_task_info_get(desc->task, &task) == NF_OK;
  double own = tokens_of(desc->text);
  int n = desc->n_variants > 0 ? desc->n_variants : 1;
  r->native.failures_max = FAILURES_MAX;
  r->native.pause_ms = PAUSE_MS;
  if (strcmp(r->model, f->config->edit_upstream) != 0) { /* of another, nothing is known */
    str_copy(r->model, sizeof r->model, f->config->edit_upstream);
    r->answer = (nf_latency){0};
  }
  expected->output_tokens = own * n;
  double share = r->share.n > 0 ? r->share.mean : PASS_SHARE;
  expected->passes = share * expected->output_tokens > 1 ? share * expected->output_tokens : 1;
  expected->read_tokens = own + OWN_TOKENS;
  nf_route_facts facts = {.offered = known && (task.offered || desc->even_if_poor || f->tuned),
                          .input_tokens = (int32_t)(prompt_tokens(r) + own),
                          .output_tokens = (int32_t)expected->output_tokens,
                          .n_passes = (int32_t)expected->passes,
                          .deadline_ms = (double)f->request->deadline_ms,
                          .patience_ms = f->config->edit_patience_ms,
                          .second_micro = (double)f->config->edit_second_micro,
                          .mode = f->mode};
  device_fill(r, f, &facts);
  server_fill(r, f, &facts);
  nf_route_plan plan = nf_route(&facts);
  r->n_plans[plan.first][plan.why]++;
  return plan;
}

/* ---- what a try teaches ---- */

static double usual_of(const edit_router *r, const edit_ended *e) {
  double measured =
      e->attempt.place == NF_ON_DEVICE ? r->pass.mean * units(&e->expected) : r->answer.mean;
  return measured > 0 ? measured : e->guess_ms;
}

/* 2^-x, near enough for how much of a measurement is left. */
static double halved(double x) {
  double kept = 1;
  for (; x >= 1 && kept > 1e-6; x -= 1) kept /= 2;
  return x >= 1 ? 0 : kept * (1 - x / 2);
}

static void took(edit_router *r, const edit_ended *e, double ms, i64 now_ms) {
  nf_place place = e->attempt.place;
  double old = age_of(r, place, now_ms) - FRESH_MS;
  nf_latency *measure = place == NF_ON_DEVICE ? &r->pass : &r->answer;
  if (old > 0) nf_latency_fade(measure, halved(old / HALF_LIFE_MS[place]));
  r->measured_ms[place] = now_ms;
  if (place == NF_IN_CLOUD) {
    nf_latency_add(&r->answer, ms);
    return;
  }
  edit_work work = e->expected;
  if (e->done != nullptr) {
    work.passes = e->done->passes;
    work.output_tokens = e->done->output_tokens;
    work.read_tokens = e->done->input_tokens - e->done->cached_tokens;
  }
  if (r->pass.n > 0) nf_latency_add(&r->late, ms / (r->pass.mean * units(&e->expected)));
  nf_latency_add(&r->pass, ms / units(&work));
  if (e->done != nullptr && work.output_tokens > 0) {
    nf_latency_add(&r->share, work.passes / work.output_tokens);
  }
}

void edit_router_learn(edit_router *r, const edit_ended *e, i64 now_ms) {
  nf_place place = e->attempt.place;
  edit_outcome outcome = e->attempt.outcome;
  r->n_tries[place][outcome]++;
  if (place == NF_IN_CLOUD && e->model != nullptr && strcmp(e->model, r->model) != 0) return;
  if (place == NF_ON_DEVICE && e->done != nullptr) {
    if (e->done->passes == 0) return; /* by rules, or nothing to do: no pace of the model's */
    double more = e->done->input_tokens - (e->expected.read_tokens - OWN_TOKENS) - prompt_tokens(r);
    r->prompt_tokens = prompt_tokens(r) + GAIN * more;
  }
  /* one that was cut short would have taken longer still: a bound, where it is a worse one */
  bool cut = outcome == TRY_CANCELLED || outcome == TRY_TIMEOUT;
  bool measures = outcome == TRY_OK || (cut && e->own_ms > usual_of(r, e));
  if (measures && e->own_ms > 0) took(r, e, e->own_ms, now_ms);
}

/* ---- metrics ---- */

static void row_add(text_buf *out, const char *name, nf_place place, const char *label,
                    const char *value, i64 n) {
  char line[200];
  int len = snprintf(line, sizeof line, "nearfield_edit_%s_total{place=\"%s\",%s=\"%s\"} %lld\n",
                     name, edit_place_name(place), label, value, (long long)n);
  text_buf_add(out, bytes_from(line, len));
}

void edit_router_metrics(const edit_router *r, text_buf *out) {
  text_buf_str(out,
               "# HELP nearfield_edit_route_total Edits by the place chosen first, and why.\n"
               "# TYPE nearfield_edit_route_total counter\n");
  for (int p = NF_NOWHERE; p <= NF_IN_CLOUD; p++) {
    for (int w = 0; w < NF_ROUTE_WHYS; w++) {
      if (r->n_plans[p][w] == 0) continue;
      row_add(out, "route", (nf_place)p, "why", nf_route_why_name((nf_route_why)w),
              r->n_plans[p][w]);
    }
  }
  text_buf_str(out,
               "# HELP nearfield_edit_tries_total Places asked for an edit, by how that ended.\n"
               "# TYPE nearfield_edit_tries_total counter\n");
  for (int p = NF_ON_DEVICE; p <= NF_IN_CLOUD; p++) {
    for (int o = 0; o < N_TRY_OUTCOMES; o++) {
      row_add(out, "tries", (nf_place)p, "outcome", edit_outcome_name((edit_outcome)o),
              r->n_tries[p][o]);
    }
  }
}
