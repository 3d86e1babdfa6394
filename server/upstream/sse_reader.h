/* Server-sent events out of foreign bytes: lines, then events. Pure, and strict where a stream of
 * completions has no reason to be otherwise. Owns the line and the event being collected, at most
 * SSE_EVENT_BYTES_MAX each.
 * source WHATWG HTML, 9.2.6 "Interpreting an event stream" */
#pragma once
#include "server/text_buf.h"

enum { SSE_EVENT_BYTES_MAX = 1 << 20 };

typedef enum : u8 {
  SSE_GOOD,
  SSE_MALFORMED, /* a NUL, or a line that is neither a comment nor a field of the standard */
  SSE_TOO_LONG,
  SSE_NO_MEMORY,
} sse_fault;

/* Zero at first. */
typedef struct {
  text_buf line, data;
  sse_fault fault; /* stays */
  bool has_data, after_cr, given, not_first;
} sse_reader;

/* Take bytes from the front of *input until an event is whole. true: *data is its data, borrowed
 * until the next call. false: the input is used up, or it is at fault. */
bool sse_next(sse_reader *r, nf_bytes *input, nf_bytes *data);
void sse_free(sse_reader *r);
