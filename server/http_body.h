/* Body framing: where a request's body ends, by length or by chunks (llhttp, strict), and what
 * of the bytes is its content. Pure. The next request starts exactly behind it. */
#pragma once
#include "server/http_guard.h"

typedef struct http_body http_body; /* one malloc, about 200 bytes */

/* null: no memory. wire_bytes_max bounds everything between head and end of body: data, chunk
 * sizes, extensions and trailers. */
http_body *http_body_new(const http_request *request, i64 wire_bytes_max);
/* Called by http_body_add with content, in order; without it content is dropped. */
typedef void http_body_each(void *to, nf_bytes content);
void http_body_give(http_body *body, http_body_each *each, void *to);
void http_body_free(http_body *body); /* null is fine */

typedef struct {
  bool complete;
  isize used; /* bytes that belong to this body */
  http_refusal refusal;
} http_body_found;
/* Feed the next bytes. Refuses malformed chunks (400) and too much of it (413). */
http_body_found http_body_add(http_body *body, nf_bytes bytes);
