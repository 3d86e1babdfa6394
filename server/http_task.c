/* See http_task.h: a task over what http_later.c does. */
#include "server/http_task.h"

#include "server/http_conn_inside.h"
#include "server/http_later.h"

static const i64 NO_DEADLINE_MS = (i64)1 << 40; /* what the task waits for has its own */

static void on_gone(void *owner) {
  http_task *t = owner;
  t->conn->task = nullptr;
  t->conn = nullptr;
  t->kind->gone(t);
}

void task_attach(http_conn *c, http_task *t) {
  t->conn = c;
  c->task = t;
  c->owner = t;
  c->gone = on_gone;
}

/* in_take: whoever called will go on with the connection, so an answer must not. */
void task_request_whole(http_conn *c) {
  http_later_begin(c, c->task, on_gone, NO_DEADLINE_MS);
  c->in_take = true;
  c->task->kind->body_end(c->task);
  c->in_take = false;
}

static http_conn *release(http_task *t) {
  http_conn *c = t->conn;
  c->task = nullptr;
  c->paused = false;
  t->conn = nullptr;
  return c;
}

void http_task_answer(http_task *t, http_reply *reply) {
  http_conn *c = release(t);
  if (c->state == WAIT && !c->in_take) {
    http_later_reply(c, reply);
    return;
  }
  bool in_body = c->state == BODY; /* what follows of it is not read */
  c->gone = nullptr;
  reply->close = reply->close || in_body;
  reply_send(c, reply);
  if (in_body) conn_settle(c); /* to WRITE, LINGER or GONE: nothing more is read */
}

void http_task_pause(http_task *t) { t->conn->paused = t->conn->state == BODY; }

void http_task_resume(http_task *t) {
  if (!t->conn->paused) return;
  t->conn->paused = false;
  conn_settle(t->conn);
}

void http_task_stream(http_task *t, http_reply *reply) { http_later_stream(t->conn, reply); }
void http_task_write(http_task *t, nf_bytes bytes) { http_later_add(t->conn, bytes); }
void http_task_end(http_task *t) { http_later_end(release(t)); }
