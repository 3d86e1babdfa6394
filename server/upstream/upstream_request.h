/* The body of POST /v1/chat/completions for a model of an upstream: what the client sent, checked
 * as far as the server answers for it, and changed in what it needs: usage comes with streams, and
 * the answer's length has a bound where it costs money. Pure.
 * What could cost more than tokens of text (images, audio, searches, other tiers) is refused. */
#pragma once
#include "server/json_body.h"

enum { UPSTREAM_CHOICES_MAX = 8 };

typedef struct {
  char *body; /* malloc'd: to be sent */
  isize body_bytes;
  bool stream, include_usage; /* include_usage: the client asked for it */
  i64 n;
  /* Bounds of what it can cost: a token is at least a byte of the body. */
  i64 input_tokens_max, output_tokens_max; /* of all choices */
} upstream_request;

/* root: of json_body_read. tokens_max: of one answer where the client names no number, and above
 * which none may be asked for; 0: not bounded, and output_tokens_max is what was asked for, or 0.
 * false: root->error is set. r is written on true only; its body is the caller's. */
bool upstream_request_read(const json_object *root, isize body_bytes, i64 tokens_max,
                           upstream_request *r);
