/* See api.h. The gate: method, token, origin, kind of body; then api_call.c. */
#include "server/api.h"

#include <stdio.h>

#include "server/api_call.h"
#include "server/api_common.h"
#include "server/http_origin.h"

static bool is_json(nf_bytes content_type) {
  return bytes_same_nocase(bytes_take(&content_type, ';'), text("application/json"));
}

/* A page of another site can make a browser send a POST here, but not as JSON (it would have to ask
 * first, and nobody answers OPTIONS) and not without the headers of http_origin.h. */
static bool access_check(server *s, const http_request *request, const char **client,
                         api_error *error) {
  const token_row *token =
      s->tokens.n > 0 ? token_matches(&s->tokens, request->authorization) : nullptr;
  *client = token != nullptr ? token->name : nullptr;
  if (s->tokens.n > 0 && token == nullptr) {
    return api_error_set(error, 401, "invalid_api_key", nullptr,
                         "expected the server's token, as Authorization: Bearer TOKEN");
  }
  if (!s->config.inference && s->config.n_upstreams == 0) {
    return api_error_set(error, 404, "inference_off", nullptr,
                         "this server answers with no model (inference = no)");
  }
  if (request->method != METHOD_POST) return true;
  if (http_origin_is_another(request)) {
    return api_error_set(error, 403, "cross_origin", nullptr,
                         "a page of another origin may not ask this server");
  }
  if (!is_json(request->content_type)) {
    return api_error_set(error, 415, "unsupported_media_type", nullptr,
                         "Content-Type: expected application/json");
  }
  return true;
}

static void model_json(const server *s, const char *name, const char *owner, text_buf *out) {
  text_buf_str(out, "{\"id\":");
  text_buf_json(out, text(name), true);
  text_buf_str(out, ",\"object\":\"model\",\"created\":");
  text_buf_number(out, s->metrics.started_s);
  text_buf_str(out, ",\"owned_by\":");
  text_buf_json(out, text(owner), true);
  text_buf_str(out, "}");
}

static const char *owner_of(const server *s, const config_upstream_model *m) {
  return s->config.upstreams[m->i_upstream].name;
}

/* Whether this server's model edits: it is there, or being read, and was not found to be none. */
static bool own_edits(const server *s, const models_entry *own) {
  if (own->name[0] == 0 || own->failed) return false;
  return !own->ready || inference_may_open(s->inference, own->sha256);
}

/* The prices of the model that edits may go to, for pages: of a million tokens read and written. */
static void prices_json(const server *s, text_buf *out) {
  const config_upstream_model *far = upstreams_find(s->upstreams, text(s->config.edit_upstream));
  if (far == nullptr || (far->input_micro == 0 && far->output_micro == 0)) return;
  char prices[96];
  int n = snprintf(prices, sizeof prices, ",\"inputUsd\":%.6f,\"outputUsd\":%.6f",
                   (double)far->input_micro / 1e6, (double)far->output_micro / 1e6);
  text_buf_add(out, bytes_from(prices, n));
}

/* The tasks for which that model has an adapter, not found to be none. */
static void tuned_json(const server *s, const char *model, text_buf *out) {
  models_entry adapter;
  const char *comma = "";
  for (nf_task task = 0; task < TASK_COUNT; task++) {
    const char *name = nf_task_name(task);
    if (!models_adapter_find(s->models, model, name, &adapter)) continue;
    if (!inference_may_tune(s->inference, task, adapter.sha256)) continue;
    text_buf_str(out, comma);
    text_buf_json(out, text(name), true);
    comma = ",";
  }
}

/* shown: "", or this server's model; editor: the same, where it edits. */
static void models_json(const server *s, const char *shown, const char *editor, text_buf *out) {
  bool edits =
      editor[0] != 0 || upstreams_find(s->upstreams, text(s->config.edit_upstream)) != nullptr;
  text_buf_str(out, "{\"object\":\"list\",\"data\":[");
  const char *comma = "";
  if (shown[0] != 0) {
    model_json(s, shown, "nearfield", out);
    comma = ",";
  }
  for (int i = 0; i < s->config.n_upstream_models; i++) {
    const config_upstream_model *m = &s->config.upstream_models[i];
    text_buf_str(out, comma);
    model_json(s, m->model, owner_of(s, m), out);
    comma = ",";
  }
  text_buf_str(out, "],\"nearfield\":{\"edits\":");
  text_buf_str(out, edits ? "true" : "false");
  if (edits) prices_json(s, out);
  text_buf_str(out, ",\"tuned\":[");
  tuned_json(s, editor, out);
  text_buf_str(out, "]}}\n");
}

/* id: what follows "/v1/models", "" or "/ID". An upstream's model hides our own of that name. */
static void models_list_reply(server *s, nf_bytes id, http_reply *reply) {
  models_entry model = {.name = ""};
  text_buf out = {0};
  if (!s->config.inference || !models_find(s->models, s->config.inference_model, &model)) {
    model.name = "";
  }
  const char *editor = own_edits(s, &model) ? model.name : "";
  bool hidden = upstreams_find(s->upstreams, text(model.name)) != nullptr;
  const char *shown = hidden ? "" : model.name;
  if (id.len == 0) {
    models_json(s, shown, editor, &out);
    api_json_reply(&out, reply);
    return;
  }
  nf_bytes name = bytes_after(id, 1);
  const config_upstream_model *m = upstreams_find(s->upstreams, name);
  if (m != nullptr) {
    model_json(s, m->model, owner_of(s, m), &out);
  } else if (name.len > 0 && bytes_same(name, text(shown))) {
    model_json(s, shown, "nearfield", &out);
  } else {
    api_error error;
    api_error_set(&error, 404, "model_not_found", nullptr, "there is no such model");
    api_error_reply(&error, false, reply);
    return;
  }
  text_buf_str(&out, "\n");
  api_json_reply(&out, reply);
}

void api_route(server *s, const http_request *request, http_reply *reply) {
  nf_bytes path = bytes_after(bytes_from(request->path, request->path_len), 3);
  api_error error = {0};
  const char *client = nullptr;
  bool chat = bytes_same(path, text("/chat/completions")), edit = bytes_same(path, text("/edit"));
  bool list = bytes_same(path, text("/models")) || bytes_begin(path, "/models/");
  bool get = request->method == METHOD_GET || request->method == METHOD_HEAD;
  if (!chat && !edit && !list) {
    api_error_set(&error, 404, "unknown_url", nullptr,
                  "expected /v1/models, /v1/chat/completions or /v1/edit");
  } else if (list ? !get : request->method != METHOD_POST) {
    api_error_set(&error, 405, "method_not_allowed", nullptr, "expected %s",
                  list ? "GET or HEAD" : "POST");
  } else {
    (void)access_check(s, request, &client, &error);
  }
  if (error.status != 0) {
    api_error_reply(&error, request->has_body, reply);
    if (error.status == 405) reply->allow = list ? "GET, HEAD" : "POST";
  } else if (list) {
    models_list_reply(s, bytes_after(path, (isize)strlen("/models")), reply);
  } else {
    reply->take = chat ? api_chat_take : api_edit_take;
    reply->client = client;
    reply->take_bytes_max = s->config.api_body_bytes_max;
  }
}
