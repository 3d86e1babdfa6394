/* See api_call.h. A call lives from its body until its last work is over, also when its client has
 * gone before: the engine's thread borrows the request until then. */
#include "server/api_call.h"

#include "server/chat_json.h"
#include "server/chat_request.h"
#include "server/edit_request.h"
#include "server/http_later.h"
#include "server/upstream/upstream_call.h"

enum { CUT_MS = 5000 /* the connection's own deadline behind the request's */ };

typedef struct {
  server *server;
  http_conn *conn; /* null: answered, or the client has gone */
  chat_request chat;
  edit_request edit;
  isize body_bytes;
  u64 client;
  char id[48];
  chat_head head;
  models_entry model;
  int n, n_left; /* works; of them not over */
  bool streaming; /* its head is sent */
  bool began[CHAT_CHOICES_MAX]; /* the choice's role is sent */
  inference_work works[CHAT_CHOICES_MAX];
} api_call;

void api_json_reply(text_buf *out, http_reply *reply) {
  if (out->failed) {
    free(out->at);
    http_reply_error(reply, 503, "no memory", true);
    return;
  }
  reply->status = 200;
  reply->content_type = "application/json";
  reply->cache_control = "no-store";
  reply->memory = out->at;
  reply->body_bytes = out->len;
}

static void call_free(api_call *call) {
  for (int i = 0; i < call->n; i++) {
    free(call->works[i].text.at);
    free(call->works[i].result.at);
  }
  chat_request_free(&call->chat);
  edit_request_free(&call->edit);
  free(call);
}

static void works_cancel(api_call *call) {
  for (int i = 0; i < call->n; i++) {
    if (!call->works[i].over) inference_cancel(call->server->inference, &call->works[i]);
  }
}

static void client_gone(void *owner) {
  api_call *call = owner;
  call->conn = nullptr;
  call->server->metrics.n_answers[ANSWER_GONE]++;
  works_cancel(call);
}

/* ---- a call begins ---- */

static metrics_answer answer_of(int status) {
  return status < 500 ? ANSWER_REFUSED : status == 503 ? ANSWER_BUSY : ANSWER_FAILED;
}

/* The model asked for, which must be the one there is; name .at null: that one. */
static bool model_choose(api_call *call, nf_bytes name, api_error *error) {
  const server *s = call->server;
  bool there =
      s->config.inference && models_find(s->models, s->config.inference_model, &call->model);
  if (!there || (name.at != nullptr && !bytes_same(name, text(call->model.name)))) {
    return api_error_set(error, 404, "model_not_found", "model",
                         "model: there is no such model here; GET /v1/models lists what there is");
  }
  if (call->model.ready) return true;
  api_error_set(error, 503, "model_not_ready", nullptr, "the model %s",
                call->model.failed ? "cannot be read" : "is being read; ask again in a second");
  error->retry_after_s = call->model.failed ? 30 : 1;
  return false;
}

static bool room_check(api_call *call, api_error *error) {
  server *s = call->server;
  if (s->draining || !inference_room(s->inference, call->n)) {
    api_error_set(error, 503, s->draining ? "draining" : "queue_full", nullptr,
                  s->draining ? "the server is stopping" : "too many requests are waiting");
    error->retry_after_s = 1;
    return false;
  }
  return true;
}

static bool id_make(api_call *call, const char *prefix, api_error *error) {
  static const char hex[] = "0123456789abcdef";
  u8 random[16];
  if (uv_random(nullptr, nullptr, random, sizeof random, 0, nullptr) != 0) {
    return api_error_set(error, 500, "no_randomness", nullptr, "the system gives no random bytes");
  }
  isize n = snprintf(call->id, sizeof call->id, "%s", prefix);
  for (int i = 0; i < 12; i++) {
    call->id[n++] = hex[random[i] >> 4];
    call->id[n++] = hex[random[i] & 15];
  }
  if (!call->chat.has_seed) memcpy(&call->chat.desc.sampling.seed, random + 8, sizeof(u64));
  call->head = (chat_head){.id = call->id,
                           .model = call->model.name,
                           .created_s = server_now_ns() / 1000000000,
                           .include_usage = call->chat.include_usage};
  return true;
}

static void call_submit(api_call *call, void (*news)(inference_work *work)) {
  server *s = call->server;
  call->n_left = call->n;
  http_later_begin(call->conn, call, client_gone, s->config.inference_ms + CUT_MS);
  for (int i = 0; i < call->n; i++) {
    inference_work *w = &call->works[i];
    w->model.path = call->model.path;
    memcpy(w->model.sha256, call->model.sha256, sizeof w->model.sha256);
    w->call = call;
    w->client = call->client;
    w->deadline_ms = s->config.inference_ms;
    w->owner = call;
    w->news = news;
    inference_submit(s->inference, w);
  }
}

/* A token's name where it has one, else the address. */
static u64 client_of(const http_conn *c, const http_reply *reply) {
  if (reply->client == nullptr || reply->client[0] == 0) return http_conn_client(c);
  u64 hash = 0xCBF29CE484222325; /* FNV-1a */
  for (const char *at = reply->client; *at != 0; at++) hash = (hash ^ (u8)*at) * 0x100000001B3;
  return hash;
}

/* Before the body is looked at: what is wrong costs a request as well. */
static bool rate_check(http_conn *c, http_reply *reply) {
  server *s = http_conn_server(c);
  int a_minute = s->config.client_requests_minute;
  i64 now_ms = (i64)uv_now(&s->loop);
  int wait_s = a_minute > 0 ? bucket_take(&s->clients, client_of(c, reply), a_minute, now_ms) : 0;
  if (wait_s == 0) return true;
  api_error error;
  api_error_set(&error, 429, "rate_limit_exceeded", nullptr,
                "over %d requests a minute; ask again in %d s", a_minute, wait_s);
  error.retry_after_s = wait_s;
  api_error_reply(&error, false, reply);
  s->metrics.n_answers[ANSWER_REFUSED]++;
  return false;
}

static api_call *call_new(http_conn *c, nf_bytes body, const http_reply *reply) {
  api_call *call = calloc(1, sizeof *call);
  if (call == nullptr) return nullptr;
  call->server = http_conn_server(c);
  call->conn = c;
  call->body_bytes = body.len;
  call->client = client_of(c, reply);
  call->n = 1;
  return call;
}

/* error is of no request that began. */
static void call_refuse(http_conn *c, api_call *call, api_error *error, http_reply *reply) {
  if (call == nullptr) api_error_set(error, 503, "no_memory", nullptr, "no memory");
  api_error_reply(error, false, reply);
  http_conn_server(c)->metrics.n_answers[answer_of(error->status)]++;
  if (call != nullptr) call_free(call);
}

/* ---- a call ends ---- */

static void error_of(const inference_work *w, api_error *error) {
  switch (w->outcome) {
    case WORK_REFUSED:
      api_error_set(error, 400, "invalid_value", nullptr, "%s", w->error.line);
      return;
    case WORK_LATE:
      api_error_set(error, 504, "deadline", nullptr, "the answer took too long");
      return;
    case WORK_NO_MODEL:
      api_error_set(error, 503, "model_unusable", nullptr,
                    "the model cannot be opened; the server's log says why");
      error->retry_after_s = 30;
      return;
    case WORK_CANCELLED:
      api_error_set(error, 503, "draining", nullptr, "the server is stopping");
      error->retry_after_s = 1;
      return;
    default:
      api_error_set(error, 503, "no_memory", nullptr, "no memory");
      error->retry_after_s = 1;
      return;
  }
}

/* One of its works came to nothing: the client is told, the others are not wanted any more. */
static void call_fail(api_call *call, const inference_work *w) {
  server *s = call->server;
  http_conn *c = call->conn;
  api_error error;
  error_of(w, &error);
  if (w->outcome == WORK_NO_MODEL) log_event(&s->log, "inference failed", w->error.line);
  s->metrics.n_answers[w->outcome == WORK_LATE      ? ANSWER_LATE
                       : w->outcome == WORK_REFUSED ? ANSWER_REFUSED
                                                    : ANSWER_FAILED]++;
  call->conn = nullptr;
  works_cancel(call);
  if (call->streaming) {
    text_buf out = {0};
    text_buf_str(&out, "data: ");
    api_error_json(&error, &out);
    text_buf_str(&out, "\n\n");
    http_later_add(c, bytes_from(out.at, out.len));
    free(out.at);
    http_later_end(c);
    return;
  }
  http_reply reply;
  http_reply_begin(&reply);
  api_error_reply(&error, false, &reply);
  http_later_reply(c, &reply);
}

static chat_usage usage_of(const api_call *call) {
  chat_usage usage = {0};
  for (int i = 0; i < call->n; i++) {
    const nf_receipt *receipt = &call->works[i].receipt;
    usage.input_tokens = receipt->input_tokens;
    if (i == 0) usage.cached_tokens = receipt->cached_tokens;
    usage.output_tokens += receipt->output_tokens;
  }
  return usage;
}

static void call_count(api_call *call) {
  metrics *m = &call->server->metrics;
  chat_usage usage = usage_of(call);
  m->n_answers[ANSWER_OK]++;
  m->n_input_tokens += usage.input_tokens;
  m->n_output_tokens += usage.output_tokens;
}

static void whole_send(api_call *call, text_buf *out) {
  http_conn *c = call->conn;
  http_reply reply;
  call->conn = nullptr;
  http_reply_begin(&reply);
  api_json_reply(out, &reply);
  http_later_reply(c, &reply);
}

/* ---- chat ---- */

static void chat_whole(api_call *call) {
  text_buf out = {0};
  chat_usage usage = usage_of(call);
  chat_json_begin(&call->head, &out);
  for (int i = 0; i < call->n; i++) {
    const inference_work *w = &call->works[i];
    chat_json_choice(i, bytes_from(w->text.at, w->text.len), w->end, &out);
    out.failed = out.failed || w->text.failed;
  }
  chat_json_end(&usage, &out);
  call_count(call);
  whole_send(call, &out);
}

static void chat_stream(api_call *call, inference_work *w) {
  int i_choice = (int)(w - call->works);
  text_buf out = {0};
  if (!call->streaming) {
    http_later_events(call->conn);
    call->streaming = true;
  }
  if (!call->began[i_choice]) {
    chat_event(&call->head, i_choice, true, text(""), NF_END_NONE, &out);
    call->began[i_choice] = true;
  }
  nf_bytes fresh = bytes_from(w->text.at, w->text.len);
  if (fresh.len > 0) chat_event(&call->head, i_choice, false, fresh, NF_END_NONE, &out);
  w->text.len = 0;
  if (w->over) chat_event(&call->head, i_choice, false, (nf_bytes){0}, w->end, &out);
  if (call->n_left == 0) {
    chat_usage usage = usage_of(call);
    if (call->head.include_usage) chat_event_usage(&call->head, &usage, &out);
    text_buf_str(&out, "data: [DONE]\n\n");
  }
  http_later_add(call->conn, bytes_from(out.at, out.len));
  free(out.at);
  if (call->n_left > 0) return;
  http_conn *c = call->conn;
  call->conn = nullptr;
  call_count(call);
  http_later_end(c);
}

static void chat_news(inference_work *w) {
  api_call *call = w->owner;
  if (w->over) call->n_left--;
  if (call->conn != nullptr) {
    if (w->over && w->outcome != WORK_OK) {
      call_fail(call, w);
    } else if (call->chat.stream) {
      chat_stream(call, w);
    } else if (call->n_left == 0) {
      chat_whole(call);
    }
  }
  if (call->n_left == 0) call_free(call);
}

/* true: it is for an upstream, and on its way. What is wrong with the body in general is found
 * again, and said, by chat_request_read. */
static bool upstream_take(http_conn *c, nf_bytes body, http_reply *reply) {
  const upstreams *all = http_conn_server(c)->upstreams;
  yyjson_doc *doc;
  json_object root;
  api_error error = {0};
  nf_bytes name = {0};
  if (all == nullptr || !json_body_read(body, &doc, &root, &error)) return false;
  const config_upstream_model *model = nullptr;
  if (json_text(&root, "model", 256, &name)) model = upstreams_find(all, name);
  if (model == nullptr) {
    yyjson_doc_free(doc);
    return false;
  }
  upstream_call_take(c, doc, &root, model, body.len, reply);
  return true;
}

void api_chat_take(http_conn *c, nf_bytes body, http_reply *reply) {
  api_error error = {0};
  if (!rate_check(c, reply) || upstream_take(c, body, reply)) return;
  api_call *call = call_new(c, body, reply);
  if (call == nullptr || !chat_request_read(body, &call->chat, &error) ||
      !model_choose(call, call->chat.model, &error) || !id_make(call, "chatcmpl-", &error)) {
    call_refuse(c, call, &error, reply);
    return;
  }
  call->n = call->chat.n;
  if (!room_check(call, &error)) {
    call_refuse(c, call, &error, reply);
    return;
  }
  for (int i = 0; i < call->n; i++) {
    call->works[i].generate = &call->chat.desc;
    call->works[i].seed = call->chat.desc.sampling.seed + (u64)i;
  }
  call_submit(call, chat_news);
}

/* ---- edit ---- */

static void number_add(text_buf *out, const char *name, double value) {
  char number[64];
  text_buf_add(out,
               bytes_from(number, snprintf(number, sizeof number, ",\"%s\":%.3f", name, value)));
}

static void count_add(text_buf *out, const char *name, i64 value) {
  text_buf_str(out, ",\"");
  text_buf_str(out, name);
  text_buf_str(out, "\":");
  text_buf_number(out, value);
}

/* The SDK's receipt (sdk/src/types.ts), of an edit that ran here. */
static void receipt_add(const api_call *call, const nf_receipt *r, text_buf *out) {
  text_buf_str(
      out,
      ",\"receipt\":{\"source\":\"server\",\"backend\":\"native\",\"backendWhy\":\"asked\","
      "\"replacedKernels\":\"\",\"model\":{\"id\":");
  text_buf_json(out, text(call->model.name), true);
  text_buf_str(out, ",\"sha256\":\"");
  text_buf_hex(out, call->model.sha256, 32);
  text_buf_str(out, "\"}");
  number_add(out, "queueMs", r->queue_ms);
  number_add(out, "firstTokenMs", r->first_token_ms);
  number_add(out, "totalMs", r->total_ms);
  count_add(out, "inputTokens", r->input_tokens);
  count_add(out, "cachedTokens", r->cached_tokens);
  count_add(out, "outputTokens", r->output_tokens);
  count_add(out, "passes", r->passes);
  count_add(out, "drafted", r->drafted);
  count_add(out, "accepted", r->accepted);
  count_add(out, "forced", r->forced);
  count_add(out, "bytesSent", call->body_bytes);
  text_buf_str(out,
               ",\"costUsd\":0,\"why\":\"server\",\"attempts\":[{\"source\":\"server\","
               "\"backend\":\"native\",\"outcome\":\"ok\"");
  number_add(out, "ms", r->total_ms);
  text_buf_str(out, "}]}");
}

static void edit_news(inference_work *w) {
  api_call *call = w->owner;
  if (!w->over) return;
  call->n_left = 0;
  if (call->conn != nullptr && w->outcome != WORK_OK) {
    call_fail(call, w);
  } else if (call->conn != nullptr) {
    text_buf out = {0};
    text_buf_str(&out, "{");
    text_buf_add(&out, bytes_from(w->result.at, w->result.len));
    receipt_add(call, &w->receipt, &out);
    text_buf_str(&out, "}\n");
    call_count(call);
    whole_send(call, &out);
  }
  call_free(call);
}

void api_edit_take(http_conn *c, nf_bytes body, http_reply *reply) {
  api_error error = {0};
  if (!rate_check(c, reply)) return;
  api_call *call = call_new(c, body, reply);
  if (call == nullptr || !edit_request_read(body, &call->edit, &error) ||
      !model_choose(call, call->edit.model, &error) || !room_check(call, &error)) {
    call_refuse(c, call, &error, reply);
    return;
  }
  call->works[0].edit = &call->edit.desc;
  call->works[0].priority = call->edit.priority;
  call_submit(call, edit_news);
}
