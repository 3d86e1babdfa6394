/* See upstream_call.h; what the answer is: upstream_answer.h. A call lives as long as whoever asked
 * waits, a client or a part of this server, or until it is answered; one timer is all of its
 * deadlines:
 *
 *   RESERVING -> TRYING -> (RESTING -> TRYING)* -> answered
 *
 * Before the first event the answer is a reply with a status, afterwards an event of the stream. */
#include "server/upstream/upstream_call.h"

#include "server/api_common.h"
#include "server/http_later.h"
#include "server/upstream/upstream_answer.h"
#include "server/upstream/upstream_cost.h"
#include "server/upstream/upstreams.h"

enum {
  CUT_MS = 5000, /* the connection's own deadline behind the request's */
  REST_MS = 250, /* before the second try, x 2 before the third, +-20 % */
  LAST_CHUNK_MS = 50, /* after the last event, so that the connection can be kept */
  RETRY_AFTER_S_MAX = 2, /* the upstream wants a longer rest: the client may try again */
};

typedef struct upstream_call {
  server *server;
  upstream *to;
  config_upstream_model model; /* of the settings as they were */
  budget_charge *charge; /* null: there is no budget, or its model costs nothing */
  bool reserving;
  bool may_cost; /* a try that gave no usage may have been paid for */
  upstream_request request;
  upstream_transfer transfer;
  uv_timer_t timer;
  upstream_answer answer;
  i64 begun_ms, try_ms, byte_ms, era;
  i64 failed_era; /* in which one of its tries counted as failed; -1: none did */
  int n_tries;
  bool trying; /* a try counts with the breaker */
  bool paused; /* the client has much to read */
  i64 most_ms; /* all of it may take */
  int tries_max;
  /* of a part of this server, in a client's place; said null: it is a client's */
  void *owner;
  void (*said)(void *owner, const upstream_said *said);
} call;

static i64 now_of(const call *a) { return (i64)uv_now(&a->server->loop); }

/* ---- the end ---- */

static void on_timer_closed(uv_handle_t *handle) {
  call *a = handle->data;
  upstream_answer_free(&a->answer);
  free(a->request.body);
  free(a);
}

/* The tries of a request fail as one: a client must not open the breaker alone. */
static void try_give(call *a, nf_try_outcome outcome) {
  if (!a->trying) return;
  a->trying = false;
  if (outcome == NF_TRY_FAILED && a->failed_era == a->era) outcome = NF_TRY_NEUTRAL;
  if (outcome == NF_TRY_FAILED) a->failed_era = a->era;
  nf_breaker_give(&a->to->breaker, a->era, outcome, now_of(a));
}

static i64 cost_most(const call *a) {
  return upstream_cost(&a->model, a->request.input_tokens_max, a->request.output_tokens_max);
}

/* What is not known is paid as it was reserved; what a stream says before its end is no sum. */
static i64 cost_of(const call *a) {
  const reply_usage *usage = &a->answer.usage;
  if (usage->known && (a->answer.whole || !a->request.stream)) {
    return upstream_cost(&a->model, usage->input_tokens, usage->output_tokens);
  }
  return a->may_cost ? cost_most(a) : 0;
}

static void charge_settle(call *a) {
  if (a->charge == nullptr) return;
  if (a->reserving) {
    budget_leave(a->charge);
  } else {
    budget_settle(a->charge, cost_of(a));
  }
  a->charge = nullptr;
}

/* Nothing of it runs any more, and its client has its answer or is gone. */
static void call_end(call *a, upstream_outcome outcome) {
  charge_settle(a);
  a->to->n_outcomes[outcome]++;
  upstream_release(a->server->upstreams, a->to);
  uv_close((uv_handle_t *)&a->timer, on_timer_closed);
}

i64 upstream_call_cancel(call *a) {
  upstream_transfer_cancel(&a->transfer);
  a->may_cost = a->may_cost || a->trying;
  try_give(a, NF_TRY_NEUTRAL);
  call_end(a, UPSTREAM_GONE);
  return cost_of(a);
}

static void client_gone(void *owner) {
  call *a = owner;
  a->answer.conn = nullptr;
  (void)upstream_call_cancel(a);
}

static upstream_outcome outcome_of(int status) {
  switch (status) {
    case 400: return UPSTREAM_REFUSED;
    case 429: return UPSTREAM_BUSY;
    case 504: return UPSTREAM_LATE;
    default: return UPSTREAM_FAILED;
  }
}

/* The client is told. No transfer runs. call_end first: the connection may go on to its next
 * request at once. */
static void error_send(call *a, const api_error *error) {
  call_end(a, outcome_of(error->status));
  if (a->said == nullptr) {
    upstream_answer_error(&a->answer, error);
  } else {
    a->said(a->owner, &(upstream_said){.error = error, .cost_micro = cost_of(a)});
  }
}

static void call_fail(call *a, upstream_fault fault) {
  const char *name = a->to->config.name;
  api_error error;
  char message[161] = "", line[96];
  i64 wait_ms = a->to->breaker.until_ms - now_of(a);
  int wait_s = a->transfer.retry_after_s;
  nf_bytes body = bytes_from(a->answer.body.at, a->answer.body.len);
  if (fault == FAULT_REQUEST) upstream_error_read(body, text(a->to->key), message, sizeof message);
  if (fault == FAULT_OPEN) wait_s = wait_ms > 0 ? (int)(wait_ms / 1000) + 1 : 1;
  if (fault == FAULT_BUSY && wait_s == 0) wait_s = 1;
  bool told = fault == FAULT_BUSY || fault == FAULT_OPEN || fault == FAULT_SERVER;
  upstream_fault_error(fault, name, message, told ? wait_s : 0, &error);
  snprintf(line, sizeof line, "%s: %s", name, error.code);
  if (error.status >= 500) log_event(&a->server->log, "upstream failed", line);
  error_send(a, &error);
}

/* ---- what comes ---- */

static void on_timer(uv_timer_t *timer);
static void deadline_start(call *a);

static bytes_answer on_bytes(void *owner, nf_bytes bytes) {
  call *a = owner;
  upstream_answer *answer = &a->answer;
  bool was_whole = answer->whole; /* what follows the last event is not looked at */
  bool is_first = !answer->has_bytes;
  if (answer->fault != FAULT_NONE) return BYTES_UNWANTED;
  a->byte_ms = now_of(a);
  answer->has_bytes = true;
  if (upstream_answer_is_ahead(answer)) {
    a->paused = true;
    a->to->n_pauses++;
    return BYTES_LATER;
  }
  upstream_answer_take(answer, bytes);
  if (answer->whole && !was_whole) {
    uv_timer_start(&a->timer, on_timer, LAST_CHUNK_MS, 0);
  } else if (is_first) {
    deadline_start(a); /* from now on silence is a stall */
  }
  return answer->fault != FAULT_NONE ? BYTES_UNWANTED : BYTES_TAKEN;
}

/* The client has read all there was. */
static void client_has_room(void *owner) {
  call *a = owner;
  if (!a->paused) return;
  a->paused = false;
  a->byte_ms = now_of(a);
  upstream_transfer_resume(&a->transfer);
}

/* ---- tries ---- */

static void call_finish(call *a) {
  call_end(a, UPSTREAM_OK);
  if (a->said == nullptr) {
    upstream_answer_finish(&a->answer);
  } else {
    a->said(a->owner, &(upstream_said){.body = bytes_from(a->answer.body.at, a->answer.body.len),
                                       .usage = a->answer.usage,
                                       .cost_micro = cost_of(a)});
  }
}

/* A try has ended with it. */
static void fault_note(call *a, upstream_fault fault) {
  bool answered = upstream_answer_has_begun(&a->answer);
  a->may_cost = a->may_cost || answered || !upstream_fault_is_free(fault);
}

static i64 rest_ms_of(const call *a) {
  i64 ms = (i64)REST_MS << (a->n_tries - 1);
  ms += ms * (i64)(uv_hrtime() / 1000 % 41 - 20) / 100;
  i64 asked_ms = (i64)a->transfer.retry_after_s * 1000;
  return ms > asked_ms ? ms : asked_ms;
}

/* Once more, after a rest? Only where no byte of an answer came, but for that of an error, and
 * nothing may have been paid: what is reserved is enough for one answer. */
static bool try_again(const call *a, upstream_fault fault, i64 rest_ms) {
  bool answered = upstream_answer_has_begun(&a->answer);
  bool paid = a->charge != nullptr && a->may_cost;
  return upstream_fault_is_passing(fault) && !answered && !paid && a->n_tries < a->tries_max &&
         a->transfer.retry_after_s <= RETRY_AFTER_S_MAX &&
         now_of(a) + rest_ms < a->begun_ms + a->most_ms;
}

static void on_done(void *owner, upstream_fault fault) {
  call *a = owner;
  i64 rest_ms = rest_ms_of(a);
  fault = upstream_answer_fault(&a->answer, fault);
  fault_note(a, fault);
  try_give(a, upstream_fault_outcome(fault));
  if (fault == FAULT_NONE) {
    call_finish(a);
  } else if (try_again(a, fault, rest_ms)) {
    uv_timer_start(&a->timer, on_timer, (u64)rest_ms, 0);
  } else {
    call_fail(a, fault);
  }
}

/* ---- deadlines ---- */

/* When the next of them comes, and which it is. What is no stream is silent until it is whole. */
static i64 deadline_next(const call *a, upstream_fault *fault) {
  const config *c = &a->server->config;
  i64 whole_ms = a->begun_ms + a->most_ms, next_ms;
  if (!a->answer.has_bytes) {
    next_ms = a->request.stream ? a->try_ms + c->upstream_first_ms : whole_ms;
    *fault = FAULT_FIRST_BYTE;
  } else {
    next_ms = (a->paused ? now_of(a) : a->byte_ms) + c->upstream_idle_ms;
    *fault = FAULT_STALLED;
  }
  if (whole_ms > next_ms) return next_ms;
  *fault = FAULT_LATE;
  return whole_ms;
}

static void deadline_start(call *a) {
  upstream_fault fault;
  i64 left_ms = deadline_next(a, &fault) - now_of(a);
  uv_timer_start(&a->timer, on_timer, (u64)(left_ms > 0 ? left_ms : 0), 0);
}

static void try_begin(call *a);

static void on_timer(uv_timer_t *timer) {
  call *a = timer->data;
  upstream_fault fault;
  if (!a->trying) { /* it has rested */
    try_begin(a);
  } else if (a->answer.whole) {
    upstream_transfer_cancel(&a->transfer);
    try_give(a, NF_TRY_OK);
    call_finish(a);
  } else if (now_of(a) < deadline_next(a, &fault)) {
    deadline_start(a);
  } else {
    upstream_transfer_cancel(&a->transfer);
    fault_note(a, fault);
    bool answers = a->answer.streaming || !a->request.stream; /* as far as one can know */
    bool blamed = !a->paused && (fault != FAULT_LATE || !answers);
    try_give(a, blamed ? upstream_fault_outcome(fault) : NF_TRY_NEUTRAL);
    call_fail(a, fault);
  }
}

static void try_begin(call *a) {
  const config *c = &a->server->config;
  i64 wait_ms;
  if (!nf_breaker_take(&a->to->breaker, now_of(a), &a->era, &wait_ms)) {
    call_fail(a, FAULT_OPEN);
    return;
  }
  a->trying = true;
  upstream_answer_begin(&a->answer);
  a->n_tries++;
  a->to->n_tries++;
  a->try_ms = now_of(a);
  const upstream_transfer_desc desc = {
      .url = a->to->url,
      .headers = upstream_headers_make(a->to),
      .ca_file = c->upstream_ca_file[0] != 0 ? c->upstream_ca_file : nullptr,
      .is_private = a->to->config.is_private,
      .connect_ms = c->upstream_connect_ms,
      .once = a->charge != nullptr,
      .body = bytes_from(a->request.body, a->request.body_bytes),
      .owner = a,
      .bytes = on_bytes,
      .done = on_done};
  if (upstream_transfer_begin(&a->transfer, a->server->upstreams->loop, &desc)) {
    deadline_start(a);
    return;
  }
  try_give(a, NF_TRY_NEUTRAL);
  call_fail(a, FAULT_NO_MEMORY);
}

/* ---- the beginning ---- */

static bool room_check(const server *s, api_error *error) {
  if (!s->draining && s->upstreams->n_open < s->config.upstream_requests_max) return true;
  api_error_set(error, 503, s->draining ? "draining" : "queue_full", nullptr,
                s->draining ? "the server is stopping" : "too many requests are being answered");
  error->retry_after_s = 1;
  return false;
}

static void on_reserved(void *owner, store_status status) {
  call *a = owner;
  api_error error;
  a->reserving = false;
  if (status == STORE_OK) {
    try_begin(a);
    return;
  }
  a->charge = nullptr;
  if (status == STORE_SPENT) {
    api_error_set(&error, 429, "insufficient_quota", nullptr,
                  "the day's budget does not last for this request; it begins anew at 0:00 UTC");
  } else {
    api_error_set(&error, 503, "store_unavailable", nullptr, "the budget cannot be looked up");
    error.retry_after_s = 1;
  }
  error_send(a, &error);
}

/* false: error says why. */
static bool reserve(call *a, const char *client, api_error *error) {
  if (a->server->budget == nullptr) return true; /* then an answer may have no bound either */
  i64 micro = cost_most(a);
  if (micro == 0) return true;
  a->charge = budget_reserve(a->server->budget, client, micro, a, on_reserved);
  a->reserving = a->charge != nullptr;
  if (a->reserving) return true;
  api_error_set(error, 503, "store_unavailable", nullptr, "the budget cannot be looked up");
  error->retry_after_s = 1;
  return false;
}

upstream_call *upstream_call_begin(server *s, const upstream_call_desc *desc, api_error *error) {
  upstream *to = s->upstreams->rows[desc->model->i_upstream];
  bool room = room_check(s, error);
  call *a = room ? calloc(1, sizeof *a) : nullptr;
  bool ok = a != nullptr;
  if (room && !ok) api_error_set(error, 503, "no_memory", nullptr, "no memory");
  if (ok) {
    a->server = s;
    a->request = desc->request;
    a->answer.request = &a->request;
    a->answer.transfer = &a->transfer;
    a->answer.key = to->key;
    a->to = to;
    a->model = *desc->model;
    a->begun_ms = now_of(a);
    a->failed_era = -1;
    a->most_ms = desc->most_ms;
    a->tries_max = desc->tries_max;
    a->owner = desc->owner;
    a->said = desc->said;
    ok = reserve(a, desc->client, error);
  }
  if (!ok) {
    to->n_outcomes[outcome_of(error->status)]++;
    free(desc->request.body);
    free(a);
    return nullptr;
  }
  to->n_open++;
  s->upstreams->n_open++;
  uv_timer_init(&s->loop, &a->timer);
  a->timer.data = a;
  if (!a->reserving) uv_timer_start(&a->timer, on_timer, 0, 0); /* not from here: it may answer */
  return a;
}

void upstream_call_take(http_conn *c, yyjson_doc *doc, const json_object *root,
                        const config_upstream_model *model, isize body_bytes, http_reply *reply) {
  server *s = http_conn_server(c);
  char client[STORE_CLIENT_BYTES];
  upstream_call_desc desc = {.model = model,
                             .client = api_client_name(c, reply, client),
                             .most_ms = s->config.inference_ms,
                             .tries_max = s->config.upstream_tries};
  call *a = nullptr;
  if (upstream_request_read(root, body_bytes, model->output_tokens_max, &desc.request)) {
    a = upstream_call_begin(s, &desc, root->error);
  } else {
    s->upstreams->rows[model->i_upstream]->n_outcomes[outcome_of(root->error->status)]++;
  }
  yyjson_doc_free(doc);
  if (a == nullptr) {
    api_error_reply(root->error, false, reply);
    return;
  }
  a->answer.conn = c;
  http_later_begin(c, a, client_gone, s->config.inference_ms + CUT_MS);
  http_later_flow(c, client_has_room);
}
