/* See upstream_answer.h. */
#include "server/upstream/upstream_answer.h"

#include "server/http_later.h"

enum {
  WHOLE_BYTES_MAX = 4 << 20,     /* of an answer that is no stream */
  ERROR_BYTES_MAX = 64 << 10,    /* of an error's body, beyond it is not read */
  WAITING_BYTES_MAX = 128 << 10, /* unread by the client: the upstream is paused */
};

void upstream_answer_begin(upstream_answer *a) {
  a->has_bytes = a->whole = false;
  a->fault = FAULT_NONE;
  a->body.len = 0;
}

bool upstream_answer_has_begun(const upstream_answer *a) {
  return a->has_bytes && a->transfer->status == 200;
}

static bool is_stream(const upstream_answer *a) {
  return a->request->stream && a->transfer->status == 200;
}

bool upstream_answer_is_ahead(const upstream_answer *a) {
  return is_stream(a) && http_later_waiting(a->conn) > WAITING_BYTES_MAX;
}

void upstream_answer_free(upstream_answer *a) {
  sse_free(&a->events);
  free(a->body.at);
}

/* ---- what comes ---- */

static void event_add(upstream_answer *a, nf_bytes data) {
  text_buf out = {0};
  text_buf_str(&out, "data: ");
  text_buf_add(&out, data);
  text_buf_str(&out, "\n\n");
  for (isize i = 6; i < out.len - 2; i++) { /* an event of several lines: JSON takes blanks too */
    if (out.at[i] == '\n') out.at[i] = ' ';
  }
  http_later_add(a->conn, bytes_from(out.at, out.len));
  free(out.at);
}

static void stream_begin(upstream_answer *a) {
  http_later_events(a->conn);
  a->streaming = true;
}

/* One event's data: pass it on, or find the fault in it. */
static upstream_fault event_take(upstream_answer *a, nf_bytes data) {
  if (upstream_leaks(data, text(a->key))) return FAULT_LEAK;
  a->whole = bytes_same(data, text("[DONE]"));
  reply_kind kind = a->whole ? REPLY_GOOD : upstream_chunk_read(data, &a->usage);
  if (kind == REPLY_ERROR) return FAULT_SERVER;
  if (kind == REPLY_BAD) return FAULT_MALFORMED;
  if (kind == REPLY_USAGE && !a->request->include_usage) return FAULT_NONE; /* not asked for */
  if (!a->streaming) stream_begin(a);
  event_add(a, data);
  return FAULT_NONE;
}

static upstream_fault events_take(upstream_answer *a, nf_bytes bytes) {
  nf_bytes data;
  while (!a->whole && sse_next(&a->events, &bytes, &data)) {
    upstream_fault fault = event_take(a, data);
    if (fault != FAULT_NONE) return fault;
  }
  switch (a->events.fault) {
    case SSE_TOO_LONG: return FAULT_TOO_LARGE;
    case SSE_NO_MEMORY: return FAULT_NO_MEMORY;
    case SSE_MALFORMED: return FAULT_MALFORMED;
    default: return FAULT_NONE;
  }
}

/* What the head says of a body that is coming. */
static upstream_fault head_fault(const upstream_answer *a) {
  const upstream_transfer *t = a->transfer;
  if (t->status != 200) return FAULT_NONE; /* its body is an error's */
  if (t->is_encoded) return FAULT_ENCODING;
  return (a->request->stream ? t->is_events : t->is_json) ? FAULT_NONE : FAULT_CONTENT_TYPE;
}

static upstream_fault body_take(upstream_answer *a, nf_bytes bytes) {
  isize most = a->transfer->status == 200 ? WHOLE_BYTES_MAX : ERROR_BYTES_MAX;
  if (a->body.len + bytes.len > most) {
    return a->transfer->status == 200 ? FAULT_TOO_LARGE
                                      : upstream_fault_of_status(a->transfer->status);
  }
  text_buf_add(&a->body, bytes);
  return a->body.failed ? FAULT_NO_MEMORY : FAULT_NONE;
}

void upstream_answer_take(upstream_answer *a, nf_bytes bytes) {
  a->has_bytes = true;
  a->fault = head_fault(a);
  if (a->fault != FAULT_NONE) return;
  a->fault = is_stream(a) ? events_take(a, bytes) : body_take(a, bytes);
}

/* ---- its end ---- */

/* The transfer is over, and a body is whole if there is no fault. */
upstream_fault upstream_answer_fault(upstream_answer *a, upstream_fault fault) {
  if (a->fault != FAULT_NONE) return a->fault;
  if (a->request->stream && a->whole) return FAULT_NONE; /* it may end as it likes */
  if (fault != FAULT_NONE) return fault;
  fault = upstream_fault_of_status(a->transfer->status);
  if (fault != FAULT_NONE) return fault;
  if (a->request->stream) return FAULT_CUT;
  fault = head_fault(a);
  if (fault != FAULT_NONE) return fault;
  nf_bytes body = bytes_from(a->body.at, a->body.len);
  if (upstream_leaks(body, text(a->key))) return FAULT_LEAK;
  reply_kind kind = upstream_whole_read(body, &a->usage);
  return kind == REPLY_GOOD ? FAULT_NONE : kind == REPLY_ERROR ? FAULT_SERVER : FAULT_MALFORMED;
}

void upstream_answer_finish(upstream_answer *a) {
  http_conn *c = a->conn;
  a->conn = nullptr;
  if (a->request->stream) {
    http_later_end(c);
    return;
  }
  http_reply reply;
  http_reply_begin(&reply);
  reply.status = 200;
  reply.content_type = "application/json";
  reply.cache_control = "no-store";
  reply.memory = a->body.at;
  reply.body_bytes = a->body.len;
  a->body = (text_buf){0};
  http_later_reply(c, &reply);
}

void upstream_answer_error(upstream_answer *a, const api_error *error) {
  http_conn *c = a->conn;
  if (a->streaming) {
    text_buf out = {0};
    api_error_json(error, &out);
    event_add(a, bytes_from(out.at, out.len));
    free(out.at);
    a->conn = nullptr;
    http_later_end(c);
    return;
  }
  a->conn = nullptr;
  http_reply reply;
  http_reply_begin(&reply);
  api_error_reply(error, false, &reply);
  http_later_reply(c, &reply);
}
