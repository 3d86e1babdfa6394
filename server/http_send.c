/* How a connection sends and ends: replies from memory and files, the log's line, lingering. See
 * http_conn_inside.h. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_conn_inside.h"

enum {
  SENDFILE_BYTES_TURN = 2 << 20, /* of one file, before others get their turn */
  LINGER_MS = 2000,
  LINGER_BYTES_MAX = 1 << 20,
  REPLY_MS = 30000, /* plus size / send_bytes_s_min */
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle) {
  http_conn *c = (http_conn *)handle;
  http_body_free(c->body);
  free(c->in);
  free(c->out);
  free(c->stream.at);
  free(c);
}

void held_drop(http_conn *c) {
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

void conn_close(http_conn *c) {
  if (c->state == GONE) return;
  if (c->state == WRITE || c->state == WAIT) access_log(c, true);
  c->state = GONE;
  if (c->gone != nullptr) c->gone(c->owner);
  c->gone = nullptr;
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

sent out_send(http_conn *c) {
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

void reply_done(http_conn *c) {
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

void reply_continue(http_conn *c) {
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

void reply_send(http_conn *c, http_reply *reply) {
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
