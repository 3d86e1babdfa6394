/* Which part of the server answers a path. Owns no state; every route fills a reply and returns
 * at once. Declared in server.h. */
#include "server/api.h"
#include "server/server.h"
#include "server/static_file.h"

static void text_reply(http_reply *reply, int status, const char *line) {
  reply->status = status;
  reply->content_type = "text/plain; charset=utf-8";
  reply->cache_control = "no-store";
  reply->fixed = line;
  reply->body_bytes = (i64)strlen(line);
}

/* Ready: not draining, and every model that can be read has been. */
static void readyz_reply(const server *s, http_reply *reply) {
  i64 n, n_ready;
  models_count(s->models, &n, &n_ready);
  if (s->draining) {
    text_reply(reply, 503, "draining\n");
  } else if (n_ready < n) {
    text_reply(reply, 503, "models are being read\n");
  } else {
    text_reply(reply, 200, "ready\n");
  }
}

static void metrics_reply(server *s, const http_request *request, http_reply *reply) {
  if (s->tokens.n > 0 && token_matches(&s->tokens, request->authorization) == nullptr) {
    http_reply_error(reply, 401, "a token is needed", false);
    return;
  }
  text_buf out = {0};
  models_count(s->models, &s->metrics.n_models, &s->metrics.n_models_ready);
  s->metrics.n_log_dropped = s->log.n_dropped;
  inference_counts counts = inference_counts_get(s->inference);
  s->metrics.n_passes = counts.n_passes;
  s->metrics.n_pass_works = counts.n_works;
  s->metrics.n_works_queued = counts.n_queued;
  s->metrics.n_works_running = counts.n_running;
  metrics_write(&s->metrics, &out);
  edit_router_metrics(&s->edits, &out);
  if (s->upstreams != nullptr) upstreams_metrics(s->upstreams, &out);
  if (s->jobs != nullptr) jobs_metrics(s->jobs, &out);
  if (s->budget != nullptr) budget_metrics(s->budget, &out);
  if (out.failed) {
    free(out.at);
    http_reply_error(reply, 503, "no memory", true);
    return;
  }
  reply->status = 200;
  reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply->cache_control = "no-store";
  reply->memory = out.at;
  reply->body_bytes = out.len;
}

void route_reply(server *s, const http_request *request, http_reply *reply) {
  nf_bytes path = bytes_from(request->path, request->path_len);
  if (bytes_begin(path, "/v1/jobs") || bytes_begin(path, "/v1/uploads")) {
    if (s->draining) {
      http_reply_error(reply, 503, "the server is stopping", true);
    } else {
      jobs_reply(s->jobs, bytes_after(path, (isize)strlen("/v1")), request, reply);
    }
  } else if (bytes_begin(path, "/v1/")) {
    api_route(s, request, reply);
  } else if (request->method != METHOD_GET && request->method != METHOD_HEAD) {
    http_reply_error(reply, 405, nullptr, request->has_body);
    reply->allow = "GET, HEAD";
  } else if (bytes_same(path, text("/healthz"))) {
    text_reply(reply, 200, "ok\n");
  } else if (bytes_same(path, text("/readyz"))) {
    readyz_reply(s, reply);
  } else if (bytes_same(path, text("/metrics"))) {
    metrics_reply(s, request, reply);
  } else if (bytes_same(path, text("/models")) || bytes_begin(path, "/models/")) {
    models_reply(s->models, bytes_after(path, (isize)strlen("/models")), request, reply);
  } else {
    static_file_reply(s->root, request, server_now_ns(), reply);
  }
}
