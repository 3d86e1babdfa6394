/* Access tokens: each made once, kept as a hash, compared in constant time. A token itself is
 * printed when it is made and never stored. A token may have a name: then whoever sends it is that
 * client, for budgets and limits. */
#pragma once
#include "server/words.h"

enum { TOKENS_MAX = 256, TOKEN_NAME_BYTES = 33 };

typedef struct {
  char name[TOKEN_NAME_BYTES]; /* "": none */
  u8 sha256[32];
} token_row;

typedef struct {
  int n; /* 0: none is asked for */
  token_row rows[TOKENS_MAX];
} tokens;

/* Make a token of 256 random bits, write its hash to a new file (mode 0600) and print the token
 * to stdout. false: the line says why (the file exists, cannot be written). */
bool token_make(const char *path, nf_error *error);
/* The same for one more, named one: its line is added to the file, which is made where it is not
 * there. false: also when the name is taken, or is no 1 to 32 letters, digits, - and _. */
bool token_add(const char *path, const char *name, nf_error *error);
/* false: missing, readable by others, or not what the two above write. */
bool token_read(const char *path, tokens *all, nf_error *error);
/* authorization: the header's value, .at null when absent. "Bearer TOKEN". null: it is none. */
const token_row *token_matches(const tokens *all, nf_bytes authorization);
