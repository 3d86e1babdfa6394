/* See edit_call.h. One edit on its way through its places, the engine of this server and an
 * upstream: the plan of edit_route.h is followed, each place asked at most once, the second when
 * the first is late (hedge), has failed or was given up; the first answer that holds is the
 * client's, and the other try is cancelled.
 *
 *   PLANNED -> one or two tries run -> answered, or the client is gone -> no try runs -> freed
 *
 * A call outlives its answer until the engine's thread, which borrows the request, is done with it.
 * Does not choose (edit_route.h) and does not judge answers (edit_upstream.h, the engine). */
#include "server/edit_call.h"

#include "server/edit_upstream.h"
#include "server/http_later.h"

static double ms_since(i64 from_ns) { return (double)((i64)uv_hrtime() - from_ns) / 1e6; }
static i64 now_of(const edit_call *call) { return (i64)uv_now(&call->server->loop); }

static nf_place other_of(nf_place place) {
  return place == NF_ON_DEVICE ? NF_IN_CLOUD : NF_ON_DEVICE;
}

/* ---- the end of a call ---- */

static void on_timer_closed(uv_handle_t *handle) {
  edit_call *call = handle->data;
  free(call->work.result.at);
  free(call->spare.at);
  edit_request_free(&call->request);
  free(call);
}

/* It is over when it is answered and nobody works for it. */
static void free_check(edit_call *call) {
  if (call->conn != nullptr || call->tries[NF_ON_DEVICE].running ||
      call->tries[NF_IN_CLOUD].running || uv_is_closing((uv_handle_t *)&call->timer)) {
    return;
  }
  uv_close((uv_handle_t *)&call->timer, on_timer_closed);
}

/* ---- the end of a try ---- */

static void native_learn(edit_call *call, edit_ended *ended) {
  const inference_work *w = &call->work;
  edit_outcome outcome = ended->attempt.outcome;
  if (w->outcome == WORK_OK) ended->done = &w->receipt;
  if (w->begun_ns > 0) ended->own_ms = ms_since((i64)w->begun_ns);
  if (ended->done != nullptr) ended->own_ms = w->receipt.total_ms;
  if (!call->counted) return;
  bool ill = outcome == TRY_LOST || outcome == TRY_NO_MEMORY;
  nf_try_outcome as = outcome == TRY_OK ? NF_TRY_OK : ill ? NF_TRY_FAILED : NF_TRY_NEUTRAL;
  nf_breaker_give(&call->server->edits.native, call->era, as, now_of(call));
}

/* Noted for the receipt, and learned from. Of the engine: when its thread is done with it. */
static void try_learn(edit_call *call, const edit_attempt *attempt) {
  bool first = attempt->place == call->plan.first;
  edit_ended ended = {.attempt = *attempt,
                      .expected = call->expected,
                      .guess_ms = first ? call->plan.expected_ms : 0};
  if (attempt->place == NF_ON_DEVICE) {
    native_learn(call, &ended);
  } else {
    ended.own_ms = attempt->ms;
    ended.model = call->far.model;
  }
  if (call->routed) edit_router_learn(&call->server->edits, &ended, now_of(call));
}

static void try_note(edit_call *call, nf_place place, edit_outcome outcome) {
  ASSERT(call->n_ended < EDIT_TRIES_MAX);
  call->ended[call->n_ended++] = (edit_attempt){
      .place = place, .outcome = outcome, .ms = ms_since(call->tries[place].begun_ns)};
}

static edit_attempt *noted(edit_call *call, nf_place place) {
  for (int i = 0; i < call->n_ended; i++) {
    if (call->ended[i].place == place) return &call->ended[i];
  }
  return nullptr;
}

/* Nobody waits for it any more. The engine's thread lets go of it later: native_news. */
static void try_cancel(edit_call *call, nf_place place, edit_outcome outcome) {
  if (!call->tries[place].running || noted(call, place) != nullptr) return;
  try_note(call, place, outcome);
  if (place == NF_ON_DEVICE) {
    inference_cancel(call->server->inference, &call->work);
    return;
  }
  call->tries[place].running = false;
  call->cost_micro += upstream_call_cancel(call->asking);
  call->asking = nullptr;
  try_learn(call, noted(call, place));
}

static void tries_cancel(edit_call *call, edit_outcome outcome) {
  try_cancel(call, NF_ON_DEVICE, outcome);
  try_cancel(call, NF_IN_CLOUD, outcome);
}

/* ---- answers ---- */

static void answer_send(edit_call *call, http_reply *reply) {
  http_conn *c = call->conn;
  call->conn = nullptr;
  uv_timer_stop(&call->timer);
  http_later_reply(c, reply);
}

static void error_send(edit_call *call) {
  http_reply reply;
  http_reply_begin(&reply);
  api_error_reply(&call->error, false, &reply);
  call->server->metrics.n_answers[call->failed_as]++;
  answer_send(call, &reply);
}

static nf_receipt upstream_counts(const edit_call *call, double ms) {
  return (nf_receipt){.queue_ms = ms_since(call->begun_ns) - ms,
                      .first_token_ms = ms,
                      .total_ms = ms,
                      .input_tokens = (int32_t)call->usage.input_tokens,
                      .output_tokens = (int32_t)call->usage.output_tokens};
}

/* What tuned this server's model, or why nothing did though the task has an adapter. */
static void adapter_tell(const edit_call *call, edit_receipt *receipt) {
  const inference_work *w = &call->work;
  if (w->adapter.path == nullptr) return;
  if (w->untuned) {
    receipt->adapter_problem = "the adapter cannot be opened; the server's log says why";
  } else {
    receipt->adapter_name = w->adapter_name;
    receipt->adapter_sha256 = w->adapter.sha256;
  }
}

void edit_call_result(edit_call *call, nf_place place, nf_bytes members, text_buf *out) {
  edit_receipt receipt = {.place = place,
                          .model_id = call->far.model,
                          .bytes_sent = call->body_bytes,
                          .cost_micro = call->cost_micro,
                          .why = call->routed ? nf_route_why_name(call->plan.why) : "server",
                          .n_attempts = call->n_ended};
  memcpy(receipt.attempts, call->ended, sizeof call->ended);
  if (place == NF_ON_DEVICE) {
    receipt.model_id = call->model.name;
    receipt.sha256 = call->model.sha256;
    receipt.counts = call->work.receipt;
    adapter_tell(call, &receipt);
  } else if (call->n_ended > 0) {
    receipt.counts = upstream_counts(call, call->ended[call->n_ended - 1].ms);
  }
  if (call->n_ended > 1) receipt.counts.total_ms = ms_since(call->begun_ns);
  text_buf_str(out, "{");
  text_buf_add(out, members);
  edit_receipt_write(&receipt, out);
  text_buf_str(out, "}\n");
}

static void answer_count(edit_call *call, nf_place place) {
  metrics *m = &call->server->metrics;
  m->n_answers[ANSWER_OK]++;
  if (place != NF_ON_DEVICE) return;
  m->n_input_tokens += call->work.receipt.input_tokens;
  m->n_output_tokens += call->work.receipt.output_tokens;
  m->n_edits[call->work.adapter.path != nullptr && !call->work.untuned]++;
}

/* The client has it; whoever still works is not wanted any more. */
static void result_send(edit_call *call, nf_place place, nf_bytes members) {
  text_buf out = {0};
  http_reply reply;
  tries_cancel(call, TRY_CANCELLED);
  edit_attempt own = *noted(call, place), *last = &call->ended[call->n_ended - 1];
  *noted(call, place) = *last;
  *last = own; /* the one that answered */
  edit_call_result(call, place, members, &out);
  answer_count(call, place);
  http_reply_begin(&reply);
  api_json_reply(&out, &reply);
  answer_send(call, &reply);
}

/* ---- tries ---- */

static void try_begin(edit_call *call, nf_place place);

/* No try runs, and none is left. */
static void last_resort(edit_call *call) {
  if (call->spare.len > 0) {
    noted(call, NF_IN_CLOUD)->outcome = TRY_OK; /* it is what is given */
    result_send(call, NF_IN_CLOUD, bytes_from(call->spare.at, call->spare.len));
  } else {
    error_send(call);
  }
}

/* A place has no answer that holds: the other one, if it may be asked, or the end of it. */
static void try_failed(edit_call *call, nf_place place) {
  if (call->conn == nullptr) return;
  nf_place other = other_of(place);
  if (call->tries[other].running && noted(call, other) == nullptr) return;
  if (call->plan.second == other && !call->tries[other].asked) {
    try_begin(call, other);
  } else {
    last_resort(call);
  }
}

static edit_outcome outcome_of_work(work_outcome outcome) {
  switch (outcome) {
    case WORK_OK: return TRY_OK;
    case WORK_REFUSED: return TRY_REFUSED;
    case WORK_LATE: return TRY_TIMEOUT;
    case WORK_NO_MODEL: return TRY_LOST;
    case WORK_NO_MEMORY: return TRY_NO_MEMORY;
    default: return TRY_CANCELLED;
  }
}

/* The engine is done with the request, which may be long after it was cancelled. */
static void native_news(inference_work *w) {
  edit_call *call = w->owner;
  if (!w->over) return;
  bool wanted = noted(call, NF_ON_DEVICE) == nullptr;
  call->tries[NF_ON_DEVICE].running = false;
  if (wanted) try_note(call, NF_ON_DEVICE, outcome_of_work(w->outcome));
  try_learn(call, noted(call, NF_ON_DEVICE));
  if (w->outcome == WORK_NO_MODEL) {
    log_event(&call->server->log, "inference failed", w->error.line);
  }
  if (w->adapter_error.line[0] != 0) {
    log_event(&call->server->log, "adapter failed", w->adapter_error.line);
  }
  if (wanted && call->conn != nullptr) {
    if (w->outcome == WORK_OK) {
      result_send(call, NF_ON_DEVICE, bytes_from(w->result.at, w->result.len));
    } else {
      api_work_error(w, &call->error);
      call->failed_as = api_work_answer(w);
      try_failed(call, NF_ON_DEVICE);
    }
  }
  free_check(call);
}

static edit_outcome outcome_of_error(const api_error *error) {
  if (error->status == 504) return TRY_TIMEOUT;
  if (error->status == 400 || strcmp(error->code, "insufficient_quota") == 0) return TRY_REFUSED;
  return strcmp(error->code, "no_memory") == 0 ? TRY_NO_MEMORY : TRY_NETWORK;
}

static void failed_as(edit_call *call) {
  int status = call->error.status;
  call->failed_as = status == 504 ? ANSWER_LATE : api_answer_of(status);
}

static void upstream_failed(edit_call *call, const api_error *error) {
  call->error = *error;
  failed_as(call);
  try_note(call, NF_IN_CLOUD, outcome_of_error(error));
  try_learn(call, noted(call, NF_IN_CLOUD));
  try_failed(call, NF_IN_CLOUD);
  free_check(call);
}

static void said_take(edit_call *call, const upstream_said *said) {
  text_buf result = {0};
  api_error error;
  call->usage = said->usage;
  edit_answer answer =
      edit_upstream_take(call->server->remote, &call->request.desc, said->body, &result);
  if (result.failed) {
    free(result.at);
    api_error_set(&error, 503, "no_memory", nullptr, "no memory");
    error.retry_after_s = 1;
    upstream_failed(call, &error);
    return;
  }
  if (answer == ANSWER_HELD) {
    try_note(call, NF_IN_CLOUD, TRY_OK);
    try_learn(call, noted(call, NF_IN_CLOUD));
    result_send(call, NF_IN_CLOUD, bytes_from(result.at, result.len));
    free(result.at);
    return;
  }
  const char *line = answer == ANSWER_DECLINED ? "declined to answer"
                     : answer == ANSWER_EMPTY  ? "answered nothing"
                                               : "answered what may not stand";
  if (answer == ANSWER_UNFIT) call->spare = result;
  api_error_set(&error, 502,
                answer == ANSWER_DECLINED ? "upstream_declined"
                : answer == ANSWER_EMPTY  ? "upstream_empty"
                                          : "upstream_unfit",
                nullptr, "the upstream %s %s", call->far_name, line);
  upstream_failed(call, &error);
}

static void upstream_heard(void *owner, const upstream_said *said) {
  edit_call *call = owner;
  call->tries[NF_IN_CLOUD].running = false;
  call->asking = nullptr;
  call->cost_micro += said->cost_micro;
  if (said->error != nullptr) {
    upstream_failed(call, said->error);
    return;
  }
  said_take(call, said);
  free_check(call);
}

static inference_file file_of(const models_entry *entry) {
  inference_file file = {.path = entry->path};
  memcpy(file.sha256, entry->sha256, sizeof file.sha256);
  return file;
}

/* Each: false, and call->error says why. */
static bool native_begin(edit_call *call) {
  server *s = call->server;
  inference_work *w = &call->work;
  models_entry adapter;
  i64 wait_ms;
  if (!api_model_choose(s, (nf_bytes){0}, &call->model, &call->error) ||
      !api_room_check(s, 1, &call->error)) {
    return false;
  }
  call->counted = nf_breaker_take(&s->edits.native, now_of(call), &call->era, &wait_ms);
  w->edit = &call->request.desc;
  w->priority = call->request.priority;
  w->model = file_of(&call->model);
  if (edit_adapter_find(s->models, &call->model, &call->request, &adapter)) {
    w->adapter = file_of(&adapter);
  }
  w->call = call;
  w->client = call->client;
  w->deadline_ms = call->most_ms - (i64)ms_since(call->begun_ns);
  w->owner = call;
  w->news = native_news;
  inference_submit(s->inference, w);
  return true;
}

static bool upstream_begin(edit_call *call) {
  server *s = call->server;
  nf_error error;
  upstream_call_desc desc = {
      .model = &call->far,
      .client = call->client_name,
      .most_ms = call->most_ms - (i64)ms_since(call->begun_ns),
      .tries_max = call->plan.second == NF_NOWHERE ? s->config.upstream_tries : 1,
      .owner = call,
      .said = upstream_heard};
  const config_upstream_model *now = upstreams_find(s->upstreams, text(call->far.model));
  if (now == nullptr) {
    return api_error_set(&call->error, 404, "model_not_found", "model", "the upstream is no more");
  }
  call->far = *now;
  str_copy(call->far_name, sizeof call->far_name, s->config.upstreams[now->i_upstream].name);
  if (nf_remote_begin(s->remote, &call->request.desc, &error) != NF_OK ||
      !edit_upstream_ask(s->remote, &call->request.desc, &call->far, &desc.request)) {
    return api_error_set(&call->error, 503, "no_memory", nullptr, "no memory");
  }
  call->asking = upstream_call_begin(s, &desc, &call->error);
  return call->asking != nullptr;
}

static void try_begin(edit_call *call, nf_place place) {
  edit_try *try = &call->tries[place];
  try->asked = true;
  try->begun_ns = (i64)uv_hrtime();
  try->running = place == NF_ON_DEVICE ? native_begin(call) : upstream_begin(call);
  if (try->running) return;
  failed_as(call);
  try_note(call, place, outcome_of_error(&call->error));
  if (call->routed) {
    edit_ended ended = {.attempt = *noted(call, place), .expected = call->expected};
    edit_router_learn(&call->server->edits, &ended, now_of(call));
  }
  try_failed(call, place);
}

/* ---- its timer ---- */

static void on_timer(uv_timer_t *timer);

/* Does the second place start so long after the beginning, though the first has not failed? As a
 * hedge; or, where that is never, in place of a first one that is given up. -1: it does not. One
 * that has been hedged is not given up: it may still be the one that answers. */
static double second_after(const edit_call *call) {
  const nf_route_plan *plan = &call->plan;
  if (plan->second == NF_NOWHERE || call->tries[plan->second].asked) return -1;
  return plan->hedge_after_ms >= 0 ? plan->hedge_after_ms : plan->give_up_ms;
}

static void timer_start(edit_call *call) {
  double next = (double)call->most_ms, now = ms_since(call->begun_ns);
  double second = second_after(call);
  if (second >= 0 && second < next) next = second;
  uv_timer_start(&call->timer, on_timer, next > now ? (u64)(next - now) + 1 : 0, 0);
}

static void late(edit_call *call) {
  api_error_set(&call->error, 504, "deadline", nullptr, "the answer took too long");
  failed_as(call);
}

static void on_timer(uv_timer_t *timer) {
  edit_call *call = timer->data;
  const nf_route_plan *plan = &call->plan;
  double now = ms_since(call->begun_ns), second = second_after(call);
  if (!call->tries[plan->first].asked) {
    try_begin(call, plan->first);
  } else if (now >= (double)call->most_ms) {
    late(call);
    tries_cancel(call, TRY_TIMEOUT);
    last_resort(call);
  } else if (second >= 0 && now >= second) {
    if (plan->hedge_after_ms < 0) {
      late(call);
      try_cancel(call, plan->first, TRY_TIMEOUT);
    }
    try_begin(call, plan->second);
  }
  if (call->conn != nullptr) timer_start(call);
  free_check(call);
}

static void client_gone(void *owner) {
  edit_call *call = owner;
  call->conn = nullptr;
  call->server->metrics.n_answers[ANSWER_GONE]++;
  uv_timer_stop(&call->timer);
  tries_cancel(call, TRY_CANCELLED);
  free_check(call);
}

void edit_call_run(edit_call *call) {
  server *s = call->server;
  i64 deadline_ms = call->request.deadline_ms;
  call->most_ms = s->config.inference_ms;
  if (deadline_ms > 0 && deadline_ms < call->most_ms) call->most_ms = deadline_ms;
  call->begun_ns = (i64)uv_hrtime();
  uv_timer_init(&s->loop, &call->timer);
  call->timer.data = call;
  http_later_begin(call->conn, call, client_gone, s->config.inference_ms + API_CUT_MS);
  uv_timer_start(&call->timer, on_timer, 0, 0); /* not from here: it may answer */
}
