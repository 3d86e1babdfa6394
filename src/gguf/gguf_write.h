/* Writing a GGUF v3 file into memory: the same calls first count, then fill.
 *
 *   gguf_writer w = {};                       // to is null: counts
 *   gguf_write_head(&w, n_kvs, n_tensors); gguf_write_str(...); gguf_write_tensor(...);
 *   gguf_write_align(&w);                     // here the data begins; then the tensors' bytes,
 *                                             // each followed by gguf_write_align
 *
 * Owns nothing; a block of w.len bytes is the caller's. Does NOT check what it is told: a file it
 * wrote is as good as the calls. Source: ggml docs/gguf.md. */
#pragma once
#include "gguf/gguf.h"

typedef struct {
  u8 *to;    /* null: only counts */
  isize len; /* bytes written, or to be */
  u64 offset; /* of the next tensor's data */
  isize alignment; /* 0: GGUF_ALIGNMENT; another one needs the key general.alignment */
} gguf_writer;

void gguf_write_head(gguf_writer *w, isize n_kvs, isize n_tensors);
void gguf_write_str(gguf_writer *w, const char *key, nf_bytes value);
void gguf_write_f32(gguf_writer *w, const char *key, f32 value);
void gguf_write_f32s(gguf_writer *w, const char *key, const f32 *values, isize n);
void gguf_write_u32(gguf_writer *w, const char *key, u32 value);
/* A key-value as another file has it. */
void gguf_write_kv(gguf_writer *w, const gguf_kv *kv);
/* A tensor's entry: name, type and dims of `t`; its data lies behind that of the entry before. */
void gguf_write_tensor(gguf_writer *w, const gguf_tensor *t);
/* Zeros up to the next multiple of the alignment. */
void gguf_write_align(gguf_writer *w);
/* Room for n bytes of data; null while counting. */
u8 *gguf_write_room(gguf_writer *w, isize n);
