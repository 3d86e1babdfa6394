/* See http_conn.h. A connection is in one of six states; the poll's interest follows from it:
 *   HEAD    reading a request head (or waiting for one)          readable
 *   BODY    reading a request's body, to keep it or to drop it   readable
 *   WAIT    a route makes the reply (http_later.h)               the client goes; writable
 *   WRITE   a reply did not fit the socket at once               writable
 *   LINGER  our side is shut; drop what comes until theirs is    readable
 *   GONE    uv_close was called; nothing may touch it            none
 * Deadlines are absolute: set when a state is entered, never moved by a trickle of bytes. */
#include "server/http_conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_conn_inside.h"

enum {
  REQUESTS_TURN = 64,     /* pipelined ones */
  BODY_BYTES_MAX = 65536, /* of a body that no route wants: it is dropped */
  TASK_BODY_BYTES_MS_MIN = 64, /* a task's may take body_ms, and its size over this */
};

/* ---- reading ---- */

static void refuse(http_conn *c, http_refusal refusal) {
  http_reply reply;
  http_reply_begin(&reply);
  http_reply_error(&reply, refusal.status, refusal.why, true);
  held_drop(c);
  http_body_free(c->body);
  c->body = nullptr;
  if (c->gone != nullptr) c->gone(c->owner);
  c->gone = nullptr;
  reply_send(c, &reply);
}

/* Expect: 100-continue. The answer is a few bytes on an empty socket; when even that does not
 * fit, the client is not one to wait for. */
static bool continue_send(http_conn *c) {
  static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  isize n = send(c->fd, line, sizeof line - 1, PLATFORM_SEND_QUIET);
  if (n > 0) c->n_sent += n;
  if (n == (isize)sizeof line - 1) return true;
  conn_close(c);
  return false;
}

/* A request with a body that is not refused outright: hold the reply until the body is over. */
static void body_begin(http_conn *c, const http_request *request, http_reply *reply) {
  isize bytes_max = reply->take != nullptr ? reply->take_bytes_max : BODY_BYTES_MAX;
  if (request->content_length > bytes_max) {
    http_reply_error(reply, 413, "body is too large", true);
    reply_send(c, reply);
    return;
  }
  c->body = http_body_new(request, bytes_max, reply->take != nullptr);
  c->held = malloc(sizeof *c->held);
  if (c->body == nullptr || c->held == nullptr) {
    free(c->held); /* not filled yet */
    c->held = nullptr;
    http_reply_drop(reply);
    conn_close(c);
    return;
  }
  *c->held = *reply;
  c->state = BODY;
  c->deadline_ms = now_ms(c) + c->server->config.body_ms;
  if (request->expect_continue) (void)continue_send(c);
}

/* The request is the task's from here on. */
static void task_begin(http_conn *c, const http_request *request, http_task *t) {
  task_attach(c, t);
  if (!request->has_body) {
    task_request_whole(c);
    return;
  }
  if (request->content_length > t->body_bytes_max) {
    refuse(c, (http_refusal){413, "body is too large"});
    return;
  }
  i64 bytes = request->content_length >= 0 ? request->content_length : t->body_bytes_max;
  c->body = http_body_new(request, t->body_bytes_max, t->kind->body != nullptr);
  if (c->body == nullptr) {
    conn_close(c);
    return;
  }
  c->state = BODY;
  c->deadline_ms = now_ms(c) + c->server->config.body_ms + bytes / TASK_BODY_BYTES_MS_MIN;
  if (request->expect_continue) (void)continue_send(c);
}

/* The request is whole: its route may still want to see the body, and to take its time. */
static void reply_begin(http_conn *c, nf_bytes body, http_reply *reply) {
  http_take *take = reply->take;
  reply->take = nullptr;
  if (take != nullptr) take(c, body, reply);
  if (c->state != WAIT) reply_send(c, reply);
}

static void head_take(http_conn *c, nf_bytes head) {
  static http_request request; /* 1.2 KB; one thread, never used across turns */
  http_refusal refusal = http_head_parse(head, &c->server->hosts, &request);
  c->method = request.method_name;
  c->http10 = request.http10;
  c->head_only = request.method == METHOD_HEAD;
  c->close_after = !request.keep_alive;
  if (refusal.status != 0) {
    refuse(c, refusal);
    return;
  }
  isize n = request.path_len < (isize)sizeof c->path ? request.path_len : (isize)sizeof c->path;
  while (n < request.path_len && n > 0 && (request.path[n] & 0xC0) == 0x80) n--; /* whole UTF-8 */
  memcpy(c->path, request.path, (size_t)n);
  c->path_len = (u8)n;
  http_reply reply;
  http_reply_begin(&reply);
  route_reply(c->server, &request, &reply);
  if (reply.task != nullptr) {
    task_begin(c, &request, reply.task);
  } else if (request.has_body && !reply.close) {
    body_begin(c, &request, &reply);
  } else {
    reply_begin(c, bytes_from("", 0), &reply);
  }
}

/* The head is found but not complete, or complete and answered. Returns the bytes used up; a
 * head's beginning is not used up, it stays in the input until the rest has come. */
static isize head_step(http_conn *c, nf_bytes input) {
  if (c->scan.n_bytes == 0) {
    c->started_ns = uv_hrtime();
    c->method = "?";
    c->head_only = c->http10 = c->close_after = false;
  }
  isize scanned = c->scan.n_bytes;
  http_head_found found = http_head_scan_add(&c->scan, bytes_after(input, scanned));
  if (found.refusal.status != 0) {
    refuse(c, found.refusal);
    return input.len;
  }
  if (!found.complete) {
    if (scanned == 0) c->deadline_ms = now_ms(c) + c->server->config.head_ms;
    return 0;
  }
  isize used = c->scan.n_bytes;
  head_take(c, bytes_from(input.at, used));
  return used;
}

static isize body_step(http_conn *c, nf_bytes input) {
  http_body_found found = http_body_add(c->body, input);
  if (found.refusal.status != 0) {
    refuse(c, found.refusal);
    return input.len;
  }
  nf_bytes kept = http_body_kept(c->body);
  if (c->task != nullptr && kept.len > 0) {
    c->task->kind->body(c->task, kept);
    if (c->state != BODY) return input.len; /* it has answered: an error, and the end */
    http_body_forget(c->body);
  }
  if (!found.complete) return input.len;
  http_body *body = c->body;
  if (c->task != nullptr) {
    c->body = nullptr;
    http_body_free(body);
    task_request_whole(c);
    return found.used;
  }
  http_reply reply = *c->held;
  c->body = nullptr;
  free(c->held);
  c->held = nullptr;
  reply_begin(c, http_body_kept(body), &reply);
  http_body_free(body);
  return found.used;
}

/* Work on `input` until it is used up, the reply blocks, or a turn's share of requests is
 * done. Returns the bytes used up. */
static isize input_consume(http_conn *c, nf_bytes input) {
  isize at = 0;
  c->again = false;
  for (int n_requests = 0; at < input.len;) {
    if (c->state == HEAD) {
      if (n_requests++ == REQUESTS_TURN) {
        c->again = true;
        break;
      }
      isize used = head_step(c, bytes_after(input, at));
      if (used == 0) break;
      at += used;
    } else if (c->state == BODY) {
      at += body_step(c, bytes_after(input, at));
    } else {
      break;
    }
  }
  return at;
}

/* Keep what was not used up in c->in, without holding memory for an idle connection. */
static void input_keep(http_conn *c, nf_bytes rest) {
  if (c->state == GONE) return;
  if (rest.len == 0 || c->state == LINGER) {
    free(c->in);
    c->in = nullptr;
    c->in_len = c->in_cap = 0;
    return;
  }
  if (rest.len > c->in_cap) { /* then rest does not lie in c->in */
    u8 *in = malloc((size_t)rest.len);
    if (in == nullptr) {
      conn_close(c);
      return;
    }
    memcpy(in, rest.at, (size_t)rest.len);
    free(c->in);
    c->in = in;
    c->in_cap = rest.len;
  } else {
    memmove(c->in, rest.at, (size_t)rest.len);
  }
  c->in_len = rest.len;
}

/* New bytes (perhaps none) after those that wait. */
static void input_add(http_conn *c, nf_bytes fresh) {
  nf_bytes input = fresh;
  if (c->in_len > 0) {
    if (fresh.len > 0) {
      u8 *in = realloc(c->in, (size_t)(c->in_len + fresh.len));
      if (in == nullptr) {
        conn_close(c);
        return;
      }
      memcpy(in + c->in_len, fresh.at, (size_t)fresh.len);
      c->in = in;
      c->in_cap = c->in_len += fresh.len;
    }
    input = bytes_from(c->in, c->in_len);
  }
  isize used = input_consume(c, input);
  input_keep(c, bytes_after(input, used));
}

static void receive(http_conn *c) {
  server *s = c->server;
  isize n = recv(c->fd, s->received, sizeof s->received, 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (n <= 0) {
    conn_close(c);
    return;
  }
  if (c->state == LINGER) {
    c->linger_left -= n;
    if (c->linger_left <= 0) conn_close(c);
    return;
  }
  input_add(c, bytes_from(s->received, n));
}

/* ---- the loop's side ---- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void interest_update(http_conn *c) {
  if (c->state == GONE) return;
  bool write = c->state == WRITE || c->again, more = c->out_len > 0 || c->stream.len > 0;
  int interest = write ? UV_WRITABLE : UV_READABLE;
  if (c->state == WAIT) interest = UV_DISCONNECT | (more || c->stream_over ? UV_WRITABLE : 0);
  if (c->paused) interest = 0;
  if (interest == c->interest) return;
  c->interest = interest;
  if (interest == 0) {
    uv_poll_stop(&c->poll);
  } else if (uv_poll_start(&c->poll, interest, on_ready) != 0)
    conn_close(c);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  http_conn *c = (http_conn *)poll;
  if (c->state == GONE) return;
  if (status < 0) {
    conn_close(c);
    return;
  }
  if (c->state == WAIT) {
    if ((events & UV_DISCONNECT) != 0) {
      conn_close(c); /* whoever closes their half does not wait for an answer */
    } else {
      later_continue(c);
    }
  } else if (c->state == WRITE) {
    reply_continue(c);
  } else if (!c->again) {
    receive(c);
    if (c->state == HEAD && c->server->draining && c->in_len == 0) conn_close(c);
    interest_update(c);
    return;
  }
  conn_settle(c);
}

void conn_settle(http_conn *c) {
  if (c->state == HEAD) input_add(c, bytes_from("", 0)); /* pipelined requests */
  if (c->state == HEAD && c->server->draining && c->in_len == 0) conn_close(c);
  interest_update(c);
}

server *http_conn_server(const http_conn *c) { return c->server; }

u64 http_conn_client(const http_conn *c) {
  alignas(struct sockaddr_storage) u8 peer[sizeof(struct sockaddr_storage)] = {0};
  socklen_t len = sizeof peer;
  if (getpeername(c->fd, (struct sockaddr *)peer, &len) != 0) return 0;
  peer[2] = peer[3] = 0; /* the port, in both families: a client has many */
  u64 hash = 0xCBF29CE484222325; /* FNV-1a */
  for (size_t i = 0; i < sizeof peer; i++) hash = (hash ^ peer[i]) * 0x100000001B3;
  return hash;
}

void http_conn_open(server *s, int fd) {
  http_conn *c = calloc(1, sizeof *c);
  if (c == nullptr || uv_poll_init(&s->loop, &c->poll, fd) != 0) {
    free(c);
    close(fd);
    return;
  }
  c->server = s;
  c->fd = fd;
  c->file = -1;
  c->method = "?";
  c->next = s->conns;
  if (s->conns != nullptr) s->conns->prev = c;
  s->conns = c;
  c->deadline_ms = now_ms(c) + s->config.idle_ms;
  s->metrics.n_connections++;
  s->metrics.n_connections_total++;
  interest_update(c);
}

void http_conns_check(server *s, i64 now) {
  for (http_conn *c = s->conns, *next; c != nullptr; c = next) {
    next = c->next;
    if (now < c->deadline_ms) continue;
    bool asked = (c->state == HEAD && c->in_len > 0) || c->state == BODY;
    bool answered = c->state == WRITE || c->state == WAIT;
    if (c->state != LINGER) s->metrics.n_deadlines += asked || answered;
    if (asked) {
      c->head_only = false;
      refuse(c, (http_refusal){408, "the request took too long"});
      interest_update(c);
    } else {
      conn_close(c);
    }
  }
}

void http_conns_drain(server *s) {
  for (http_conn *c = s->conns, *next; c != nullptr; c = next) {
    next = c->next;
    if (c->state == HEAD && c->in_len == 0) conn_close(c);
  }
}

void http_conns_close(server *s) {
  while (s->conns != nullptr) conn_close(s->conns);
}
