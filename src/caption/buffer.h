/* A growing block over os.h: text pools, cue tables and output files of a caption document.
 * Owns its block until buffer_free. Growth moves the block; views into it die then.
 * Not for anything on the model's path: that uses arenas. */
#pragma once
#include "base/base.h"

typedef struct {
  u8 *at;
  isize len, cap; /* bytes */
  bool failed;    /* a growth found no memory; later appends are ignored */
} buffer;

/* Room for `bytes` more. false: no memory (the content stays as it was). bytes >= 0. */
[[nodiscard]] bool buffer_reserve(buffer *b, isize bytes);
/* Append (also a piece of the buffer itself); on failure only `failed` is set, so that writers can
 * check once at the end. */
void buffer_add(buffer *b, nf_bytes text);
void buffer_add_str(buffer *b, const char *text);
void buffer_add_byte(buffer *b, u8 byte);
/* Give the block back and start again empty. */
void buffer_free(buffer *b);
static inline nf_bytes buffer_bytes(const buffer *b) { return (nf_bytes){b->at, b->len}; }
