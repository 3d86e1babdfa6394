/* The access token: made once, kept as a hash, compared in constant time. The token itself is
 * printed when it is made and never stored. */
#pragma once
#include "server/words.h"

typedef struct {
  bool set;
  u8 sha256[32];
} token_hash;

/* Make a token of 256 random bits, write its hash to a new file (mode 0600) and print the token
 * to stdout. false: the line says why (the file exists, cannot be written). */
bool token_make(const char *path, nf_error *error);
/* false: missing, readable by others, or not what token_make writes. */
bool token_read(const char *path, token_hash *token, nf_error *error);
/* authorization: the header's value, .at null when absent. "Bearer TOKEN". */
bool token_matches(const token_hash *token, nf_bytes authorization);
