/* See http_conn.h. A connection is in one of seven states; the poll's interest follows from it:
 *   HEAD    reading a request head (or waiting for one)          readable
 *   BODY    dropping a request's body                            readable
 *   WAIT    a task works on the answer (http_task.h)             none
 *   WRITE   a reply did not fit the socket at once               writable
 *   STREAM  a task writes the answer piece by piece              hang-up, writable
 *   LINGER  our side is shut; drop what comes until theirs is    readable
 *   GONE    uv_close was called; nothing may touch it            none
 * Deadlines are absolute: set when a state is entered, never moved by a trickle of bytes. */
#include "server/http_conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_body.h"
#include "server/http_task.h"
#include "server/platform.h"

enum {
  SENDFILE_BYTES_TURN = 2 << 20, /* of one file, before others get their turn */
  REQUESTS_TURN = 64,            /* pipelined ones */
  BODY_BYTES_MAX = 65536,        /* of a body nobody wants; a small one is dropped */
  BODY_BYTES_MS_MIN = 64,        /* a wanted one may take body_ms and its size over this */
  LINGER_MS = 2000,
  LINGER_BYTES_MAX = 1 << 20,
  REPLY_MS = 30000, /* plus size / send_bytes_s_min */
};

typedef enum : u8 { HEAD, BODY, WAIT, WRITE, STREAM, LINGER, GONE } conn_state;

struct http_conn {
  uv_poll_t poll; /* first: libuv's handle and the connection are one block */
  server *server;
  http_conn *next, *prev;
  int fd;
  int interest; /* what uv_poll_start was last told */
  conn_state state;
  bool close_after; /* the reply being sent is the last */
  bool again;       /* stopped in the middle of the input to let others run */
  bool http10, head_only; /* of the request being answered */
  bool paused;            /* BODY: the task cannot take more now */
  bool in_turn;           /* on_ready is at work: it goes on by itself after an answer */
  http_task *task;        /* null, or who answers */
  http_head_scan scan;
  i64 deadline_ms;
  u8 *in; /* input that waits: a head's beginning, or pipelined requests */
  isize in_len, in_cap;
  http_body *body;
  http_reply *held; /* the reply that waits for the end of its request's body */
  char *out;        /* what is left of head (and body, when it is in memory) */
  isize out_at, out_len;
  int file; /* -1, or the body that follows `out` */
  i64 file_at, file_left, linger_left;
  /* for the log */
  u64 started_ns;
  i64 n_sent;
  const char *method, *why;
  int status;
  u8 path_len;
  u8 path[119];
};

static i64 now_ms(const http_conn *c) { return (i64)uv_now(&c->server->loop); }

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle) {
  http_conn *c = (http_conn *)handle;
  http_body_free(c->body);
  free(c->in);
  free(c->out);
  free(c);
}

static void held_drop(http_conn *c) {
  if (c->held == nullptr) return;
  http_reply_drop(c->held);
  free(c->held);
  c->held = nullptr;
}

static void access_log(http_conn *c, bool cut) {
  server *s = c->server;
  s->metrics.bytes_sent += c->n_sent;
  if (cut) s->metrics.n_replies_cut++;
  if (s->log.quiet) return;
  log_access_add(&s->log, &(log_access){.method = c->method,
                                        .path = bytes_from(c->path, c->path_len),
                                        .status = c->status,
                                        .bytes = c->n_sent,
                                        .duration_us = (i64)(uv_hrtime() - c->started_ns) / 1000,
                                        .why = c->why,
                                        .cut = cut});
}

/* Connection and task let go of each other. */
static http_task *task_release(http_conn *c) {
  http_task *t = c->task;
  c->task = nullptr;
  t->conn = nullptr;
  c->paused = false;
  return t;
}

static void conn_close(http_conn *c) {
  if (c->state == GONE) return;
  if (c->state == WRITE || c->state == STREAM) access_log(c, c->state == WRITE);
  c->state = GONE;
  if (c->task != nullptr) {
    http_task *t = task_release(c);
    t->kind->gone(t);
  }
  if (c->file >= 0) close(c->file);
  held_drop(c);
  if (c->prev != nullptr) c->prev->next = c->next;
  if (c->next != nullptr) c->next->prev = c->prev;
  if (c->server->conns == c) c->server->conns = c->next;
  uv_close((uv_handle_t *)&c->poll, on_closed); /* before close(fd): epoll must forget it first */
  close(c->fd);
  c->server->metrics.n_connections--;
}

/* Half-close, then wait for the client's end: closing with unread input would send a reset,
 * which can destroy the reply on its way. */
static void conn_linger(http_conn *c) {
  c->state = LINGER;
  c->linger_left = LINGER_BYTES_MAX;
  c->deadline_ms = now_ms(c) + LINGER_MS;
  c->in_len = 0;
  if (shutdown(c->fd, SHUT_WR) != 0) conn_close(c);
}

/* ---- sending ---- */

typedef enum { SENT_ALL, SENT_FULL, SENT_BROKEN } sent;

static sent out_send(http_conn *c) {
  while (c->out_at < c->out_len) {
    int flags = PLATFORM_SEND_QUIET | (c->file_left > 0 ? PLATFORM_SEND_MORE : 0);
    isize n = send(c->fd, c->out + c->out_at, (size_t)(c->out_len - c->out_at), flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? SENT_FULL : SENT_BROKEN;
    c->out_at += n;
    c->n_sent += n;
  }
  free(c->out);
  c->out = nullptr;
  c->out_at = c->out_len = 0;
  return SENT_ALL;
}

static sent file_send(http_conn *c) {
  i64 budget = SENDFILE_BYTES_TURN;
  while (c->file_left > 0) {
    if (budget <= 0) return SENT_FULL; /* the poll comes back at once */
    i64 want = c->file_left < budget ? c->file_left : budget;
    isize n = platform_sendfile(c->fd, c->file, c->file_at, (isize)want);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? SENT_FULL : SENT_BROKEN;
    if (n == 0) return SENT_BROKEN; /* the file became shorter: the length we promised is a lie */
    c->file_at += n;
    c->file_left -= n;
    c->n_sent += n;
    budget -= n;
    if (n < want && c->file_left > 0) return SENT_FULL; /* asking again would say EAGAIN */
  }
  return SENT_ALL;
}

static void reply_done(http_conn *c) {
  access_log(c, false);
  if (c->file >= 0) close(c->file);
  c->file = -1;
  c->n_sent = 0;
  c->why = nullptr;
  c->path_len = 0;
  c->scan = (http_head_scan){0};
  c->state = HEAD;
  c->deadline_ms = now_ms(c) + c->server->config.idle_ms;
  if (c->close_after) conn_linger(c);
}

/* Continue the reply in progress as far as the socket takes it. */
static void reply_continue(http_conn *c) {
  c->state = WRITE;
  sent result = out_send(c);
  if (result == SENT_ALL) result = file_send(c);
  if (result == SENT_BROKEN) conn_close(c);
  if (result == SENT_ALL) reply_done(c);
}

/* Head and, when it is small or in memory, body, as one piece: in the server's scratch when it
 * fits there, else a new block that becomes c->out. null: no memory, or a file cut short. */
static char *reply_gather(http_conn *c, const http_reply *reply, isize *len) {
  server *s = c->server;
  isize head = http_reply_head_write(reply, !c->close_after, c->http10, server_date(s), s->scratch);
  *len = head;
  if (c->head_only || reply->body_bytes == 0) return s->scratch;
  if (reply->file >= 0) {
    if (reply->body_bytes > SMALL_FILE_BYTES) return s->scratch;
    *len += (isize)reply->body_bytes;
    isize n = pread(reply->file, s->scratch + head, (size_t)reply->body_bytes, reply->file_from);
    return n == reply->body_bytes ? s->scratch : nullptr;
  }
  char *to = s->scratch;
  *len += (isize)reply->body_bytes;
  if (reply->body_bytes > SMALL_FILE_BYTES) {
    to = c->out = malloc((size_t)*len);
    if (to == nullptr) return nullptr;
    memcpy(to, s->scratch, (size_t)head);
  }
  const char *body = reply->memory != nullptr ? reply->memory : reply->fixed;
  memcpy(to + head, body, (size_t)reply->body_bytes);
  return to;
}

/* Send `reply`; takes what it owns. The connection is then in HEAD, WRITE, LINGER or GONE. */
static void reply_send(http_conn *c, http_reply *reply) {
  server *s = c->server;
  c->close_after = c->close_after || reply->close || s->draining;
  c->status = reply->status;
  c->why = reply->why;
  s->metrics.n_requests[reply->status]++;
  c->deadline_ms = now_ms(c) + REPLY_MS + reply->body_bytes * 1000 / s->config.send_bytes_s_min;
  c->state = WRITE;
  isize len;
  char *piece = reply_gather(c, reply, &len);
  if (reply->file >= 0 && !c->head_only && reply->body_bytes > SMALL_FILE_BYTES) {
    c->file = reply->file;
    c->file_at = reply->file_from;
    c->file_left = reply->body_bytes;
    reply->file = -1;
  }
  http_reply_drop(reply);
  if (piece == nullptr) {
    conn_close(c);
    return;
  }
  if (piece == c->out) {
    c->out_len = len;
  } else {
    int flags = PLATFORM_SEND_QUIET | (c->file_left > 0 ? PLATFORM_SEND_MORE : 0);
    isize n = send(c->fd, piece, (size_t)len, flags);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      conn_close(c);
      return;
    }
    if (n < 0) n = 0;
    c->n_sent += n;
    if (n < len) { /* keep the rest until the socket has room */
      c->out = malloc((size_t)(len - n));
      if (c->out == nullptr) {
        conn_close(c);
        return;
      }
      memcpy(c->out, piece + n, (size_t)(len - n));
      c->out_len = len - n;
    }
  }
  reply_continue(c);
}

static void refuse(http_conn *c, http_refusal refusal) {
  http_reply reply;
  if (c->task != nullptr) {
    http_task *t = task_release(c);
    t->kind->gone(t);
  }
  http_reply_begin(&reply);
  http_reply_error(&reply, refusal.status, refusal.why, true);
  held_drop(c);
  http_body_free(c->body);
  c->body = nullptr;
  reply_send(c, &reply);
}

/* ---- reading ---- */

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

static void body_give(void *to, nf_bytes content) {
  http_conn *c = to;
  if (c->task != nullptr) c->task->kind->body(c->task, content);
}

/* The request is the task's from here on. */
static void task_begin(http_conn *c, const http_request *request, http_task *t) {
  c->task = t;
  t->conn = c;
  if (!request->has_body) {
    c->state = WAIT;
    t->kind->body_end(t);
    return;
  }
  if (request->content_length > t->body_bytes_max) {
    refuse(c, (http_refusal){413, "body is too large"});
    return;
  }
  i64 bytes = request->content_length >= 0 ? request->content_length : t->body_bytes_max;
  c->body = http_body_new(request, t->body_bytes_max);
  if (c->body == nullptr) {
    conn_close(c);
    return;
  }
  if (t->kind->body != nullptr) http_body_give(c->body, body_give, c);
  c->state = BODY;
  c->deadline_ms = now_ms(c) + c->server->config.body_ms + bytes / BODY_BYTES_MS_MIN;
  if (request->expect_continue) (void)continue_send(c);
}

/* A request with a body that is not refused outright: hold the reply until the body is over. */
static void body_begin(http_conn *c, const http_request *request, http_reply *reply) {
  if (request->content_length > BODY_BYTES_MAX) {
    http_reply_error(reply, 413, "body is too large", true);
    reply_send(c, reply);
    return;
  }
  c->body = http_body_new(request, BODY_BYTES_MAX);
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
    reply_send(c, &reply);
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
  if (c->state != BODY) return input.len; /* the task has answered: an error, and the end */
  if (found.refusal.status != 0) {
    refuse(c, found.refusal);
    return input.len;
  }
  if (!found.complete) return input.len;
  http_body_free(c->body);
  c->body = nullptr;
  if (c->task != nullptr) {
    c->state = WAIT;
    c->task->kind->body_end(c->task);
    return found.used;
  }
  http_reply reply = *c->held;
  free(c->held);
  c->held = nullptr;
  reply_send(c, &reply);
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

/* ---- tasks ---- */

static void turn_end(http_conn *c);

/* What a task did outside of on_ready: go on as on_ready would have. */
static void task_turn_end(http_conn *c) {
  if (c->in_turn) return;
  c->in_turn = true;
  if (c->state == HEAD) input_add(c, bytes_from("", 0)); /* pipelined requests */
  turn_end(c);
}

void http_task_answer(http_task *t, http_reply *reply) {
  http_conn *c = t->conn;
  (void)task_release(c);
  if (c->state == BODY) reply->close = true; /* what follows of the body is not read */
  reply_send(c, reply);
  task_turn_end(c);
}

/* Bytes wait until the socket takes them. The deadline counts from the first that had to. */
static void stream_continue(http_conn *c) {
  sent result = out_send(c);
  if (result == SENT_BROKEN) {
    conn_close(c);
  } else if (c->task == nullptr && result == SENT_ALL) {
    reply_done(c);
  } else {
    bool waits = result == SENT_FULL;
    if (!waits) c->deadline_ms = INT64_MAX;
    if (waits && c->deadline_ms == INT64_MAX) c->deadline_ms = now_ms(c) + REPLY_MS;
  }
}

static bool stream_add(http_conn *c, nf_bytes bytes) {
  isize left = c->out_len - c->out_at;
  if (left + bytes.len > HTTP_STREAM_BYTES_MAX) return false;
  char *out = malloc((size_t)(left + bytes.len));
  if (out == nullptr) return false;
  if (left > 0) memcpy(out, c->out + c->out_at, (size_t)left);
  memcpy(out + left, bytes.at, (size_t)bytes.len);
  free(c->out);
  c->out = out;
  c->out_at = 0;
  c->out_len = left + bytes.len;
  return true;
}

void http_task_pause(http_task *t) { t->conn->paused = t->conn->state == BODY; }

void http_task_resume(http_task *t) {
  if (!t->conn->paused) return;
  t->conn->paused = false;
  task_turn_end(t->conn);
}

bool http_task_stream(http_task *t, http_reply *reply) {
  http_conn *c = t->conn;
  server *s = c->server;
  reply->stream = true;
  c->close_after = c->close_after || c->http10 || s->draining;
  c->status = reply->status;
  s->metrics.n_requests[reply->status]++;
  isize n = http_reply_head_write(reply, !c->close_after, c->http10, server_date(s), s->scratch);
  http_reply_drop(reply);
  c->state = STREAM;
  c->deadline_ms = INT64_MAX;
  if (stream_add(c, bytes_from(s->scratch, n))) {
    stream_continue(c);
  } else {
    conn_close(c);
  }
  bool ok = c->state == STREAM;
  task_turn_end(c);
  return ok;
}

bool http_task_write(http_task *t, nf_bytes bytes) {
  http_conn *c = t->conn;
  char size[24];
  int n = snprintf(size, sizeof size, "%zx\r\n", (size_t)bytes.len);
  if (bytes.len == 0) return true; /* an empty chunk would end the body */
  bool ok = c->http10 ? stream_add(c, bytes)
                      : stream_add(c, bytes_from(size, n)) && stream_add(c, bytes) &&
                            stream_add(c, text("\r\n"));
  if (ok) {
    stream_continue(c);
  } else {
    conn_close(c);
  }
  ok = c->state == STREAM;
  task_turn_end(c);
  return ok;
}

void http_task_end(http_task *t) {
  http_conn *c = t->conn;
  (void)task_release(c);
  if (c->http10 || stream_add(c, text("0\r\n\r\n"))) {
    stream_continue(c);
  } else {
    conn_close(c);
  }
  task_turn_end(c);
}

/* ---- the loop's side ---- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void interest_update(http_conn *c) {
  if (c->state == GONE) return;
  int interest = c->state == WAIT || c->paused ? 0
                 : c->state == STREAM ? UV_DISCONNECT | (c->out != nullptr ? UV_WRITABLE : 0)
                 : c->state == WRITE || c->again ? UV_WRITABLE
                                                 : UV_READABLE;
  if (interest == c->interest) return;
  c->interest = interest;
  if (interest == 0) {
    uv_poll_stop(&c->poll);
  } else if (uv_poll_start(&c->poll, interest, on_ready) != 0)
    conn_close(c);
}

static void turn_end(http_conn *c) {
  c->in_turn = false;
  if (c->state == HEAD && c->server->draining && c->in_len == 0) conn_close(c);
  interest_update(c);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  http_conn *c = (http_conn *)poll;
  if (c->state == GONE) return;
  if (status < 0) {
    conn_close(c);
    return;
  }
  c->in_turn = true;
  if (c->state == STREAM) {
    if (events & UV_DISCONNECT) {
      conn_close(c);
    } else {
      stream_continue(c);
    }
  } else if (c->state == WRITE) {
    reply_continue(c);
    if (c->state == HEAD) input_add(c, bytes_from("", 0)); /* pipelined requests */
  } else if (c->again) {
    input_add(c, bytes_from("", 0));
  } else {
    receive(c);
  }
  turn_end(c);
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
    if (now < c->deadline_ms || c->state == WAIT) continue;
    bool asked = (c->state == HEAD && c->in_len > 0) || c->state == BODY;
    bool answered = c->state == WRITE || c->state == STREAM;
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
    if ((c->state == HEAD && c->in_len == 0) || c->state == STREAM) conn_close(c);
  }
}

void http_conns_close(server *s) {
  while (s->conns != nullptr) conn_close(s->conns);
}
