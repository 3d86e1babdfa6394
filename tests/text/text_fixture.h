/* What the tests of text/ share: the real model's vocabulary, read from its first bytes, and
 * small buffers. All static inline. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "gguf/gguf.h"
#include "real_model.h"
#include "text/text.h"

typedef struct {
  u8 *bytes; /* the file's first bytes, as many as its directory needs */
  u8 *blocks[3];
  gguf_file file;
  text_vocab *vocab;
  arena scratch;
} text_fixture;

/* Opens the directory from 4 MiB of the file (SmolLM2's takes 1.9). */
static inline text_fixture fixture_open(void) {
  text_fixture f = {};
  FILE *in = fopen(real_model_path(), "rb");
  assert_non_null(in);
  isize prefix = 4 << 20;
  f.bytes = malloc((size_t)prefix);
  prefix = (isize)fread(f.bytes, 1, (size_t)prefix, in);
  fseek(in, 0, SEEK_END);
  u64 file_bytes = (u64)ftell(in);
  fclose(in);
  isize directory = 1 << 20;
  f.blocks[0] = malloc((size_t)directory);
  arena a = arena_of(f.blocks[0], directory);
  nf_error error = {};
  nf_status status = gguf_open(bytes_of(f.bytes, prefix), file_bytes, &a, &f.file, &error);
  if (status != NF_OK) fail_msg("gguf_open %d: %s", status, error.line);
  isize need = text_vocab_bytes(&f.file);
  f.blocks[1] = malloc((size_t)need);
  a = arena_of(f.blocks[1], need);
  status = text_open(&f.file, &a, &f.vocab, &error);
  if (status != NF_OK) fail_msg("text_open %d: %s", status, error.line);
  isize scratch = text_scratch_bytes(1 << 20);
  f.blocks[2] = malloc((size_t)scratch);
  f.scratch = arena_of(f.blocks[2], scratch);
  return f;
}

static inline void fixture_close(text_fixture *f) {
  free(f->bytes);
  for (int i = 0; i < 3; i++) free(f->blocks[i]);
}

/* A file of tests/data, whole; free it. */
static inline u8 *fixture_read(const char *name, isize *len) {
  char path[1024];
  snprintf(path, sizeof path, NF_SOURCE_DIR "/tests/data/%s", name);
  FILE *in = fopen(path, "rb");
  if (!in) fail_msg("%s is missing", path);
  fseek(in, 0, SEEK_END);
  *len = ftell(in);
  rewind(in);
  u8 *bytes = malloc((size_t)*len + 1);
  assert_int_equal(fread(bytes, 1, (size_t)*len, in), *len);
  fclose(in);
  return bytes;
}

/* Tokens back to bytes; returns how many. */
static inline isize fixture_decode(const text_vocab *v, const i32 *ids, isize n, bool special,
                                   u8 *out, isize cap) {
  isize len = 0;
  for (isize i = 0; i < n; i++) {
    assert_true(cap - len >= text_token_bytes_max(v));
    len += text_decode(v, ids[i], special, out + len, cap - len);
  }
  return len;
}
