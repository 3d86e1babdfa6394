/* The inside of a connection, shared by http_conn.c (reading, states, the loop's side), http_send.c
 * (sending), http_later.c (replies that take time) and http_task.c. Private to these four. */
#pragma once
#include "server/http_body.h"
#include "server/http_conn.h"
#include "server/http_task.h"
#include "server/platform.h"

typedef enum : u8 { HEAD, BODY, WAIT, WRITE, LINGER, GONE } conn_state;

struct http_conn {
  uv_poll_t poll; /* first: libuv's handle and the connection are one block */
  server *server;
  http_conn *next, *prev;
  int fd;
  int interest; /* what uv_poll_start was last told */
  conn_state state;
  bool close_after; /* the reply being sent is the last */
  bool again; /* stopped in the middle of the input to let others run */
  bool http10, head_only; /* of the request being answered */
  http_head_scan scan;
  i64 deadline_ms;
  u8 *in; /* input that waits: a head's beginning, or pipelined requests */
  isize in_len, in_cap;
  http_body *body;
  http_reply *held; /* the reply that waits for the end of its request's body */
  char *out; /* what is left of head (and body, when it is in memory) */
  isize out_at, out_len;
  int file; /* -1, or the body that follows `out` */
  i64 file_at, file_left, linger_left;
  http_task *task; /* null, or who has the request (http_task.h), in BODY and WAIT */
  bool paused, in_take;
  /* WAIT */
  void (*gone)(void *owner); /* null, or who makes the reply and must know when the client goes */
  void (*room)(void *owner); /* null, or who waits until the stream is sent */
  void *owner;
  text_buf stream; /* to be sent when `out` is */
  bool chunked, stream_over;
  /* for the log */
  u64 started_ns;
  i64 n_sent;
  const char *method, *why;
  int status;
  u8 path_len;
  u8 path[119];
};

static inline i64 now_ms(const http_conn *c) { return (i64)uv_now(&c->server->loop); }

/* ---- http_send.c ---- */
/* End it now: nothing may touch it after this turn. */
void conn_close(http_conn *c);
void held_drop(http_conn *c);
/* Send `reply`; takes what it owns. The connection is then in HEAD, WRITE, LINGER or GONE. */
void reply_send(http_conn *c, http_reply *reply);
/* Continue the reply in progress as far as the socket takes it; the same states. */
void reply_continue(http_conn *c);
void reply_done(http_conn *c);
typedef enum { SENT_ALL, SENT_FULL, SENT_BROKEN } sent;
sent out_send(http_conn *c);

/* ---- http_later.c ---- */
/* The socket takes more of a stream, or would. */
void later_continue(http_conn *c);

/* ---- http_task.c ---- */
void task_attach(http_conn *c, http_task *t);
/* Tell the task of the connection that its request is whole. */
void task_request_whole(http_conn *c);

/* ---- http_conn.c ---- */
/* A reply was sent outside the connection's own turn: pipelined requests, draining, interest. */
void conn_settle(http_conn *c);
