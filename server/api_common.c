/* See api_common.h. */
#include "server/api_common.h"

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

metrics_answer api_answer_of(int status) {
  return status < 500 ? ANSWER_REFUSED : status == 503 ? ANSWER_BUSY : ANSWER_FAILED;
}

u64 api_client_hash(const http_conn *c, const http_reply *reply) {
  if (reply->client == nullptr || reply->client[0] == 0) return http_conn_client(c);
  u64 hash = 0xCBF29CE484222325; /* FNV-1a */
  for (const char *at = reply->client; *at != 0; at++) hash = (hash ^ (u8)*at) * 0x100000001B3;
  return hash;
}

const char *api_client_name(const http_conn *c, const http_reply *reply,
                            char name[STORE_CLIENT_BYTES]) {
  if (reply->client != nullptr && reply->client[0] != 0) {
    snprintf(name, STORE_CLIENT_BYTES, "token:%s", reply->client);
  } else {
    snprintf(name, STORE_CLIENT_BYTES, "address:%016llx", (unsigned long long)http_conn_client(c));
  }
  return name;
}

bool api_rate_check(http_conn *c, http_reply *reply) {
  server *s = http_conn_server(c);
  int a_minute = s->config.client_requests_minute;
  i64 now_ms = (i64)uv_now(&s->loop);
  int wait_s =
      a_minute > 0 ? bucket_take(&s->clients, api_client_hash(c, reply), a_minute, now_ms) : 0;
  if (wait_s == 0) return true;
  api_error error;
  api_error_set(&error, 429, "rate_limit_exceeded", nullptr,
                "over %d requests a minute; ask again in %d s", a_minute, wait_s);
  error.retry_after_s = wait_s;
  api_error_reply(&error, false, reply);
  s->metrics.n_answers[ANSWER_REFUSED]++;
  return false;
}

bool api_model_choose(const server *s, nf_bytes name, models_entry *model, api_error *error) {
  bool there = s->config.inference && models_find(s->models, s->config.inference_model, model);
  if (!there || (name.at != nullptr && !bytes_same(name, text(model->name)))) {
    return api_error_set(error, 404, "model_not_found", "model",
                         "model: there is no such model here; GET /v1/models lists what there is");
  }
  if (model->ready) return true;
  api_error_set(error, 503, "model_not_ready", nullptr, "the model %s",
                model->failed ? "cannot be read" : "is being read; ask again in a second");
  error->retry_after_s = model->failed ? 30 : 1;
  return false;
}

bool api_room_check(const server *s, int n_works, api_error *error) {
  if (!s->draining && inference_room(s->inference, n_works)) return true;
  api_error_set(error, 503, s->draining ? "draining" : "queue_full", nullptr,
                s->draining ? "the server is stopping" : "too many requests are waiting");
  error->retry_after_s = 1;
  return false;
}

void api_work_error(const inference_work *w, api_error *error) {
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

metrics_answer api_work_answer(const inference_work *w) {
  return w->outcome == WORK_LATE      ? ANSWER_LATE
         : w->outcome == WORK_REFUSED ? ANSWER_REFUSED
                                      : ANSWER_FAILED;
}
