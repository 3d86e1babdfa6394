/* See http_later.h. */
#include "server/http_later.h"

#include "server/http_conn_inside.h"

enum {
  CLIENT_GONE = 499,
  /* in the log, before there is a status: nginx's number */ LAST_MS = 30000
};

void http_later_begin(http_conn *c, void *owner, void (*gone)(void *owner), i64 deadline_ms) {
  ASSERT(c->state == HEAD || c->state == BODY);
  c->state = WAIT;
  c->owner = owner;
  c->gone = gone;
  c->room = nullptr;
  c->status = CLIENT_GONE;
  c->stream_over = false;
  c->deadline_ms = now_ms(c) + deadline_ms;
}

void http_later_flow(http_conn *c, void (*room)(void *owner)) { c->room = room; }

isize http_later_waiting(const http_conn *c) { return c->out_len - c->out_at + c->stream.len; }

void http_later_reply(http_conn *c, http_reply *reply) {
  ASSERT(c->state == WAIT);
  c->gone = nullptr;
  reply_send(c, reply);
  conn_settle(c);
}

void http_later_stream(http_conn *c, http_reply *reply) {
  ASSERT(c->state == WAIT);
  char head[HTTP_REPLY_HEAD_BYTES_MAX];
  reply->body_bytes = HTTP_REPLY_CHUNKED;
  c->chunked = !c->http10;
  c->close_after = c->close_after || c->http10 || c->server->draining;
  c->status = reply->status;
  c->server->metrics.n_requests[reply->status]++;
  isize n = http_reply_head_write(reply, !c->close_after, c->http10, server_date(c->server), head);
  text_buf_add(&c->stream, bytes_from(head, n));
  http_reply_drop(reply);
  conn_settle(c);
}

void http_later_events(http_conn *c) {
  http_reply reply;
  http_reply_begin(&reply);
  reply.status = 200;
  reply.content_type = "text/event-stream";
  reply.cache_control = "no-store";
  http_later_stream(c, &reply);
}

void http_later_add(http_conn *c, nf_bytes piece) {
  ASSERT(c->state == WAIT && !c->stream_over);
  if (piece.len == 0) return; /* a chunk of no bytes would be the last */
  char size[24];
  if (c->chunked) {
    text_buf_add(&c->stream, bytes_from(size, snprintf(size, sizeof size, "%tx\r\n", piece.len)));
  }
  text_buf_add(&c->stream, piece);
  if (c->chunked) text_buf_str(&c->stream, "\r\n");
  bool too_much = c->room == nullptr && c->stream.len > STREAM_WAITING_BYTES_MAX;
  if (c->stream.failed || too_much) c->deadline_ms = 0;
  conn_settle(c);
}

void http_later_end(http_conn *c) {
  ASSERT(c->state == WAIT);
  if (c->chunked) text_buf_str(&c->stream, "0\r\n\r\n");
  c->gone = nullptr;
  c->stream_over = true;
  if (c->deadline_ms > 0) c->deadline_ms = now_ms(c) + LAST_MS;
  if (c->stream.failed) c->deadline_ms = 0;
  conn_settle(c);
}

void later_continue(http_conn *c) {
  for (;;) {
    sent result = out_send(c);
    if (result == SENT_BROKEN) conn_close(c);
    if (result != SENT_ALL) return;
    if (c->stream.len == 0) break;
    c->out = c->stream.at;
    c->out_len = c->stream.len;
    c->stream = (text_buf){.failed = c->stream.failed};
  }
  free(c->stream.at);
  c->stream = (text_buf){.failed = c->stream.failed};
  if (c->stream.failed) return;
  if (c->stream_over) {
    c->stream_over = false;
    reply_done(c);
  } else if (c->room != nullptr && c->gone != nullptr) {
    c->room(c->owner);
  }
}
