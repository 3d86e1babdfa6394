/* What an upstream answered: one object, or the chunks of a stream, as JSON of its making. Pure.
 * Looked at only as far as the server acts on it; the client gets the upstream's own bytes.
 * source OpenAI's API reference, "The chat completion object" and "... chunk object" */
#pragma once
#include "server/words.h"

typedef enum : u8 {
  REPLY_BAD,    /* no such object */
  REPLY_ERROR,  /* {"error": ...} */
  REPLY_GOOD,
  REPLY_USAGE,  /* a chunk that brings nothing but usage */
} reply_kind;

enum { USAGE_TOKENS_MAX = 100000000 /* more is not believed */ };
typedef struct {
  bool known;
  i64 input_tokens, output_tokens; /* 0..USAGE_TOKENS_MAX, of all choices */
} reply_usage;

/* usage: left alone where there is none. */
reply_kind upstream_chunk_read(nf_bytes data, reply_usage *usage);
reply_kind upstream_whole_read(nf_bytes body, reply_usage *usage);
/* The message of an error's body into out[out_bytes], in one line of ASCII; "" where there is none,
 * or where `secret` stands in it. */
void upstream_error_read(nf_bytes body, nf_bytes secret, char *out, isize out_bytes);
/* Does `secret`, visible ASCII, stand in the bytes, as it is or in escapes of JSON? Never when it
 * is empty. */
bool upstream_leaks(nf_bytes bytes, nf_bytes secret);
