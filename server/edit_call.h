/* One edit on its way through its places: what edit_take.c makes of a request and edit_call.c runs.
 * Private to these two. */
#pragma once
#include "server/api_common.h"
#include "server/edit_route.h"
#include "server/upstream/upstream_call.h"

typedef struct {
  bool asked, running;
  i64 begun_ns;
} edit_try;

typedef struct {
  server *server;
  http_conn *conn; /* null: answered, or the client has gone */
  edit_request request;
  isize body_bytes;
  u64 client;
  char client_name[STORE_CLIENT_BYTES];
  models_entry model; /* .name null: none of this server */
  bool routed; /* there was a choice */
  upstream *to; /* of `far`; null: none. Not borrowed beyond a call */
  config_upstream_model far;
  char far_name[sizeof((config_upstream){0}.name)]; /* of the upstream, once asked */
  nf_route_plan plan;
  edit_work expected;
  i64 begun_ns, most_ms; /* all of it may take */
  uv_timer_t timer; /* the next of hedge, giving up, deadline */
  edit_try tries[3]; /* by nf_place */
  edit_attempt ended[EDIT_TRIES_MAX];
  int n_ended;
  inference_work work;
  i64 era; /* of the engine's breaker, where its try counts */
  bool counted;
  upstream_call *asking;
  i64 cost_micro;
  api_error error; /* of the try that failed last */
  metrics_answer failed_as;
  text_buf spare; /* an upstream's answer that does not hold: better than an error */
  reply_usage usage; /* of the upstream's answer */
} edit_call;

/* request, client, model, far, routed and plan are there; conn waits. It frees itself. */
void edit_call_run(edit_call *call);
/* The adapter that tunes the request, an edit by `model`. false: none does. */
bool edit_adapter_find(const models *m, const models_entry *model, const edit_request *request,
                       models_entry *adapter);
/* {members, receipt}: members of the result, edit_json.h; the try at `place` is the last of
 * `ended`, or there is none. */
void edit_call_result(edit_call *call, nf_place place, nf_bytes members, text_buf *out);
