/* Body framing: where a request's body ends, by length or by chunks (llhttp, strict). Pure.
 * The bytes are kept for a route that wants them, else dropped; what matters in any case is that
 * the next request starts exactly behind them. */
#pragma once
#include "server/http_guard.h"

typedef struct http_body http_body; /* one malloc, about 200 bytes; another for what is kept */

/* null: no memory. wire_bytes_max bounds everything between head and end of body: data, chunk
 * sizes, extensions and trailers. */
http_body *http_body_new(const http_request *request, i64 wire_bytes_max, bool keep);
void http_body_free(http_body *body); /* null is fine */

typedef struct {
  bool complete;
  isize used; /* bytes that belong to this body */
  http_refusal refusal;
} http_body_found;
/* Feed the next bytes. Refuses malformed chunks (400), too much of it (413), and what there is no
 * memory to keep (503). */
http_body_found http_body_add(http_body *body, nf_bytes bytes);
/* The data so far, without its framing; until the next add or the free. */
nf_bytes http_body_kept(const http_body *body);
void http_body_forget(http_body *body); /* what is kept was used: begin again */
