/* Edits: see api_call.h. A request becomes a call with its plan, an answer at once where no model
 * is needed, or what is wrong with it. Read next: edit_call.c, which runs it. */
#include "server/api_call.h"
#include "server/edit_call.h"
#include "server/edit_json.h"

static edit_call *call_new(http_conn *c, nf_bytes body, const http_reply *reply) {
  edit_call *call = calloc(1, sizeof *call);
  if (call == nullptr) return nullptr;
  call->server = http_conn_server(c);
  call->conn = c;
  call->body_bytes = body.len;
  call->client = api_client_hash(c, reply);
  (void)api_client_name(c, reply, call->client_name);
  return call;
}

/* Of none that began. */
static void call_drop(edit_call *call) {
  if (call == nullptr) return;
  free(call->spare.at);
  edit_request_free(&call->request);
  free(call);
}

static bool mode_conflict(api_error *error, const char *whose) {
  return api_error_set(error, 400, "invalid_value", "mode",
                       "mode: not with this model, which is %s", whose);
}

/* Which places the request may go to at all, and the mode: a model that it names is the only one.
 * false: error says why not. */
static bool places_find(edit_call *call, nf_route_mode *mode, api_error *error) {
  server *s = call->server;
  nf_bytes name = call->request.model;
  const config_upstream_model *far =
      upstreams_find(s->upstreams, name.at != nullptr ? name : text(s->config.edit_upstream));
  bool known = config_mode_read(text(s->config.edit_mode), mode);
  ASSERT(known); /* config_check */
  if (call->request.has_mode) *mode = call->request.mode;
  if (name.at != nullptr && far != nullptr) {
    if (call->request.has_mode && *mode == NF_ONLY_ON_DEVICE) {
      return mode_conflict(error, "an upstream's");
    }
    *mode = NF_ONLY_IN_CLOUD;
  } else if (name.at != nullptr || far == nullptr) {
    far = nullptr;
    if (*mode == NF_ONLY_IN_CLOUD) {
      if (name.at != nullptr) return mode_conflict(error, "this server's");
      return api_error_set(error, 404, "model_not_found", "mode",
                           "mode: no upstream takes edits here (edit_upstream)");
    }
  }
  if (far != nullptr) {
    call->far = *far;
    call->to = s->upstreams->rows[far->i_upstream];
    call->routed = true;
  }
  return true;
}

/* There is a choice: what is wrong with the request is wrong everywhere. settled: out is answered.
 */
static bool remote_check(edit_call *call, bool *settled, api_error *error) {
  server *s = call->server;
  nf_error why;
  if (s->remote == nullptr && nf_remote_open(&s->remote, &why) != NF_OK) {
    s->remote = nullptr;
    return api_error_set(error, 503, "no_memory", nullptr, "no memory");
  }
  if (nf_remote_begin(s->remote, &call->request.desc, &why) != NF_OK) {
    return api_error_set(error, 400, "invalid_value", nullptr, "%s", why.line);
  }
  *settled = nf_remote_settled(s->remote);
  return true;
}

static bool nowhere_error(const edit_call *call, api_error *error) {
  const nf_route_plan *plan = &call->plan;
  nf_task_info task = {0};
  if (plan->server_why == NF_WHY_BUDGET) {
    return api_error_set(
        error, 429, "insufficient_quota", nullptr,
        "the day's budget does not last for this edit; it begins anew at 0:00 UTC");
  }
  if (plan->device_why == NF_WHY_NOT_OFFERED &&
      nf_task_info_get(call->request.desc.task, &task) == NF_OK) {
    return api_error_set(error, 400, "invalid_value", "task",
                         "task: %s is not offered by the model of this server: %s", task.name,
                         task.why);
  }
  int status = plan->device_why == NF_WHY_CONTEXT ? 400 : 503;
  api_error_set(error, status, "nowhere", nullptr, "no place can take the edit: %s; %s",
                nf_route_why_text(plan->device_why), nf_route_why_text(plan->server_why));
  error->retry_after_s = status == 503 ? 1 : 0;
  return false;
}

bool edit_adapter_find(const models *m, const models_entry *model, const edit_request *request,
                       models_entry *adapter) {
  return !request->alone && model->name != nullptr &&
         models_adapter_find(m, model->name, nf_task_name(request->desc.task), adapter);
}

/* The plan; without a choice, that of the engine alone. false: error says why there is none. */
static bool plan_make(edit_call *call, nf_route_mode mode, api_error *error) {
  server *s = call->server;
  call->plan = (nf_route_plan){.first = NF_ON_DEVICE, .hedge_after_ms = -1, .give_up_ms = -1};
  if (!call->routed) {
    return api_model_choose(s, call->request.model, &call->model, error) &&
           api_room_check(s, 1, error);
  }
  if (!models_find(s->models, s->config.inference_model, &call->model)) call->model.name = nullptr;
  models_entry adapter;
  nf_task task = call->request.desc.task;
  bool tuned = edit_adapter_find(s->models, &call->model, &call->request, &adapter) &&
               inference_may_tune(s->inference, task, adapter.sha256);
  const edit_facts facts = {.request = &call->request,
                            .tuned = tuned,
                            .mode = mode,
                            .config = &s->config,
                            .model = &call->model,
                            .inference = s->inference,
                            .to = call->to,
                            .far = &call->far,
                            .budget = s->budget,
                            .now_ms = (i64)uv_now(&s->loop)};
  call->plan = edit_router_plan(&s->edits, &facts, &call->expected);
  return call->plan.first != NF_NOWHERE || nowhere_error(call, error);
}

/* Answered at once: no model was needed, so it does not matter whether the plan has a place. Where
 * it has, that is the receipt's; else the model's that would have been asked. */
static void settled_reply(edit_call *call, http_reply *reply) {
  text_buf members = {0}, out = {0};
  nf_place place = call->plan.first;
  if (place == NF_NOWHERE) {
    bool far = call->model.name == nullptr || call->plan.device_why == NF_WHY_ONLY_IN_CLOUD;
    place = far ? NF_IN_CLOUD : NF_ON_DEVICE;
  }
  (void)edit_json_write_remote(call->server->remote, &members);
  call->ended[call->n_ended++] = (edit_attempt){.place = place, .outcome = TRY_OK};
  edit_call_result(call, place, bytes_from(members.at, members.len), &out);
  out.failed = out.failed || members.failed;
  free(members.at);
  call->server->metrics.n_answers[ANSWER_OK]++;
  api_json_reply(&out, reply);
}

void api_edit_take(http_conn *c, nf_bytes body, http_reply *reply) {
  api_error error = {0};
  nf_route_mode mode = NF_PREFER_ON_DEVICE;
  bool settled = false;
  server *s = http_conn_server(c);
  if (!api_rate_check(c, reply)) return;
  edit_call *call = call_new(c, body, reply);
  bool ok = call != nullptr && edit_request_read(body, &call->request, &error) &&
            places_find(call, &mode, &error) &&
            (!call->routed || remote_check(call, &settled, &error));
  ok = ok && (plan_make(call, mode, &error) || settled);
  if (ok && settled) {
    settled_reply(call, reply);
    call_drop(call);
    return;
  }
  if (!ok) {
    if (call == nullptr) api_error_set(&error, 503, "no_memory", nullptr, "no memory");
    api_error_reply(&error, false, reply);
    s->metrics.n_answers[api_answer_of(error.status)]++;
    call_drop(call);
    return;
  }
  edit_call_run(call);
}
