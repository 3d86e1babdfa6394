/* One reply: what routes fill in and the connection sends. Owns an open file or a block of
 * memory until http_reply_drop. Read next: http_reply.c for the headers every reply carries. */
#pragma once
#include "server/etag.h"

typedef struct http_conn http_conn;
typedef struct http_reply http_reply;
/* The whole body is there, borrowed during the call: fill the reply, or answer later
 * (http_later.h). */
typedef void http_take(http_conn *c, nf_bytes body, http_reply *reply);

struct http_reply {
  int status;
  /* static strings or null */
  const char *content_type, *content_encoding, *cache_control, *allow;
  const char *why; /* of an error: its text, and the log's */
  bool vary_encoding, accept_ranges, close;
  const char *disposition; /* Content-Disposition */
  char location[64]; /* "": none */
  char *fields; /* null, or malloc'd: further lines of the head, each with its CR LF */
  int retry_after_s; /* 0: none */
  validator validator;
  i64 range_from, range_total; /* 206: Content-Range from and size; 416: size; total -1: none */
  i64 body_bytes;   /* Content-Length, also of a HEAD; HTTP_REPLY_CHUNKED: not known yet */
  int file;         /* -1, or open: body_bytes from file_from are the body */
  i64 file_from;
  char *memory;     /* null, or malloc'd: the body */
  const char *fixed; /* null, or static: the body */
  struct http_task *task; /* null, or who has the request: nothing else of this counts */
  const char *client; /* for `take`: the name of the token that was sent, "" or null: none */
  http_take *take;   /* null, or who answers once the body is there */
  isize take_bytes_max; /* of the body, the framing of chunks included; over it: 413 */
};
enum { HTTP_REPLY_CHUNKED = -1 };

/* Nothing open, status 500, so that a forgotten case does not look like success. */
void http_reply_begin(http_reply *reply);
void http_reply_drop(http_reply *reply);

/* Turn `reply` into an error with a one-line text body. Closes what was open. close: the
 * connection ends after it. why: static, or null for the status' own text. */
void http_reply_error(http_reply *reply, int status, const char *why, bool close);

enum { HTTP_REPLY_HEAD_BYTES_MAX = 3072, HTTP_REPLY_FIELDS_BYTES_MAX = 1024 };
/* Writes the head with its empty line to out[HTTP_REPLY_HEAD_BYTES_MAX], returns its length.
 * keep_alive: the connection stays open; http10: say so in HTTP/1.0's way.
 * date: 29 letters for the Date header. */
isize http_reply_head_write(const http_reply *reply, bool keep_alive, bool http10, const char *date,
                            char *out);
