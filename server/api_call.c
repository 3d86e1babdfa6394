/* Chat: see api_call.h. A call lives from its body until its last work is over, also when its
 * client has gone before: the engine's thread borrows the request until then. */
#include "server/api_call.h"

#include "server/api_common.h"
#include "server/chat_json.h"
#include "server/chat_request.h"
#include "server/http_later.h"
#include "server/upstream/upstream_call.h"

typedef struct {
  server *server;
  http_conn *conn; /* null: answered, or the client has gone */
  chat_request chat;
  u64 client;
  char id[48];
  chat_head head;
  models_entry model;
  int n, n_left; /* works; of them not over */
  bool streaming; /* its head is sent */
  bool began[CHAT_CHOICES_MAX]; /* the choice's role is sent */
  inference_work works[CHAT_CHOICES_MAX];
} api_call;

static void call_free(api_call *call) {
  for (int i = 0; i < call->n; i++) {
    free(call->works[i].text.at);
  }
  chat_request_free(&call->chat);
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
  http_later_begin(call->conn, call, client_gone, s->config.inference_ms + API_CUT_MS);
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

static api_call *call_new(http_conn *c, const http_reply *reply) {
  api_call *call = calloc(1, sizeof *call);
  if (call == nullptr) return nullptr;
  call->server = http_conn_server(c);
  call->conn = c;
  call->client = api_client_hash(c, reply);
  call->n = 1;
  return call;
}

/* error is of no request that began. */
static void call_refuse(http_conn *c, api_call *call, api_error *error, http_reply *reply) {
  if (call == nullptr) api_error_set(error, 503, "no_memory", nullptr, "no memory");
  api_error_reply(error, false, reply);
  http_conn_server(c)->metrics.n_answers[api_answer_of(error->status)]++;
  if (call != nullptr) call_free(call);
}

/* ---- a call ends ---- */

/* One of its works came to nothing: the client is told, the others are not wanted any more. */
static void call_fail(api_call *call, const inference_work *w) {
  server *s = call->server;
  http_conn *c = call->conn;
  api_error error;
  api_work_error(w, &error);
  if (w->outcome == WORK_NO_MODEL) log_event(&s->log, "inference failed", w->error.line);
  s->metrics.n_answers[api_work_answer(w)]++;
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
  if (!api_rate_check(c, reply) || upstream_take(c, body, reply)) return;
  api_call *call = call_new(c, reply);
  if (call == nullptr || !chat_request_read(body, &call->chat, &error) ||
      !api_model_choose(call->server, call->chat.model, &call->model, &error) ||
      !id_make(call, "chatcmpl-", &error)) {
    call_refuse(c, call, &error, reply);
    return;
  }
  call->n = call->chat.n;
  if (!api_room_check(call->server, call->n, &error)) {
    call_refuse(c, call, &error, reply);
    return;
  }
  for (int i = 0; i < call->n; i++) {
    call->works[i].generate = &call->chat.desc;
    call->works[i].seed = call->chat.desc.sampling.seed + (u64)i;
  }
  call_submit(call, chat_news);
}
