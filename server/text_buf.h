/* A growing piece of text: JSON replies, metrics, log lines. Not for reply heads (those are
 * bounded, see http_reply.c). Owns one malloc; a failed one is remembered, not reported twice. */
#pragma once
#include "server/words.h"

typedef struct {
  char *at;
  isize len, cap;
  bool failed; /* no memory: what was added since is missing */
} text_buf;

void text_buf_add(text_buf *b, nf_bytes bytes);
void text_buf_str(text_buf *b, const char *s);
void text_buf_number(text_buf *b, i64 n);
void text_buf_hex(text_buf *b, const u8 *bytes, isize n);
/* A JSON string with its quotes. Bytes that are not ASCII pass unchanged when `utf8`, else they
 * become '?'; control bytes are escaped. */
void text_buf_json(text_buf *b, nf_bytes bytes, bool utf8);
