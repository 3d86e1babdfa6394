/* A small GGUF writer for tests: key-values and tensors in, the file's bytes out. Tests include
 * it (it is all static inline); it asserts instead of reporting.
 *
 * Owns:     its buffers (gguf_make_free).
 * Does NOT: check that the file makes sense: tests of bad files write them with this too.
 *
 *   gguf_make g = {};
 *   gguf_make_str(&g, "general.architecture", "llama");
 *   gguf_make_u32(&g, "llama.block_count", 2);
 *   gguf_make_random(&g, "blk.0.attn_q.weight", GGUF_Q4_1, 64, 64, &seed, 0.1f);
 *   nf_bytes file = gguf_make_finish(&g);   // 64-byte aligned, writable, owned by g
 *   ...
 *   gguf_make_free(&g);
 *
 * A whole tiny llama model: tiny_llama.h. Source: ggml docs/gguf.md. */
#pragma once
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"
#include "gguf/quant.h"

typedef struct {
  u8 *at;
  isize len, cap;
} make_bytes;

typedef struct {
  make_bytes kvs, infos, data; /* infos: tensor entries */
  u64 n_kvs, n_tensors;
  u32 alignment;               /* 0: 32, and general.alignment is not written */
  u8 *file;                    /* from finish */
} gguf_make;

static inline void make_put(make_bytes *b, const void *from, isize n) {
  if (b->len + n > b->cap) {
    b->cap = (b->len + n) * 2 + 256;
    b->at = realloc(b->at, (size_t)b->cap);
    assert(b->at);
  }
  if (n > 0) memcpy(b->at + b->len, from, (size_t)n);
  b->len += n;
}
static inline void make_u32(make_bytes *b, u32 v) { make_put(b, &v, 4); }
static inline void make_u64(make_bytes *b, u64 v) { make_put(b, &v, 8); }
static inline void make_string(make_bytes *b, const char *s) {
  make_u64(b, strlen(s));
  make_put(b, s, (isize)strlen(s));
}

/* ---- key-values ---- */
static inline void gguf_make_kv(gguf_make *g, const char *key, gguf_kv_type type, const void *value,
                                isize n) {
  make_string(&g->kvs, key);
  make_u32(&g->kvs, type);
  make_put(&g->kvs, value, n);
  g->n_kvs++;
}
static inline void gguf_make_u32(gguf_make *g, const char *key, u32 v) {
  gguf_make_kv(g, key, GGUF_KV_U32, &v, 4);
}
static inline void gguf_make_i32(gguf_make *g, const char *key, i32 v) {
  gguf_make_kv(g, key, GGUF_KV_I32, &v, 4);
}
static inline void gguf_make_f32(gguf_make *g, const char *key, f32 v) {
  gguf_make_kv(g, key, GGUF_KV_F32, &v, 4);
}
static inline void gguf_make_bool(gguf_make *g, const char *key, bool v) {
  u8 byte = v;
  gguf_make_kv(g, key, GGUF_KV_BOOL, &byte, 1);
}
static inline void gguf_make_str(gguf_make *g, const char *key, const char *v) {
  gguf_make_kv(g, key, GGUF_KV_STRING, nullptr, 0);
  make_string(&g->kvs, v);
}
static inline void gguf_make_strs(gguf_make *g, const char *key, const char *const *v, isize n) {
  gguf_make_kv(g, key, GGUF_KV_ARRAY, nullptr, 0);
  make_u32(&g->kvs, GGUF_KV_STRING);
  make_u64(&g->kvs, (u64)n);
  for (isize i = 0; i < n; i++) make_string(&g->kvs, v[i]);
}
/* bytes: n elements as they lie in the file. */
static inline void gguf_make_array(gguf_make *g, const char *key, gguf_kv_type type,
                                   const void *elements, isize n, isize bytes) {
  gguf_make_kv(g, key, GGUF_KV_ARRAY, nullptr, 0);
  make_u32(&g->kvs, type);
  make_u64(&g->kvs, (u64)n);
  make_put(&g->kvs, elements, bytes);
}

/* ---- tensors ---- */

/* An entry as it stands, true or not. offset is relative to the data. */
static inline void gguf_make_info(gguf_make *g, const char *name, u32 type, u32 n_dims,
                                  const u64 *dims, u64 offset) {
  make_string(&g->infos, name);
  make_u32(&g->infos, n_dims);
  for (u32 i = 0; i < n_dims; i++) make_u64(&g->infos, dims[i]);
  make_u32(&g->infos, type);
  make_u64(&g->infos, offset);
  g->n_tensors++;
}

/* rows x cols of already encoded bytes; a vector has rows 1. */
static inline void gguf_make_tensor(gguf_make *g, const char *name, gguf_type type, isize cols,
                                    isize rows, const void *bytes) {
  isize align = g->alignment ? g->alignment : 32;
  static const u8 zeros[4096];
  make_put(&g->data, zeros, round_up(g->data.len, align) - g->data.len);
  u64 dims[2] = {(u64)cols, (u64)rows};
  gguf_make_info(g, name, type, rows == 1 ? 1 : 2, dims, (u64)g->data.len);
  make_put(&g->data, bytes, quant_row_bytes(type, cols) * rows);
}

/* f32 values, encoded to type (one quant_encode_row takes). */
static inline void gguf_make_values(gguf_make *g, const char *name, gguf_type type, isize cols,
                                    isize rows, const f32 *values) {
  isize row_bytes = quant_row_bytes(type, cols);
  assert(row_bytes > 0);
  u8 *bytes = malloc((size_t)(row_bytes * rows));
  assert(bytes);
  for (isize r = 0; r < rows; r++) {
    nf_status status = quant_encode_row(type, values + r * cols, bytes + r * row_bytes, cols);
    assert(status == NF_OK);
    (void)status;
  }
  gguf_make_tensor(g, name, type, cols, rows, bytes);
  free(bytes);
}

/* A fixed stream of numbers, the same on every machine. source: splitmix64 (Steele 2014) */
static inline u64 make_random(u64 *seed) {
  u64 z = *seed += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}
/* Roughly normal, standard deviation 1: a sum of four uniforms. */
static inline f32 make_random_f32(u64 *seed) {
  f32 sum = 0;
  for (int i = 0; i < 4; i++) sum += (f32)(make_random(seed) >> 40) * 0x1p-24f - 0.5f;
  return sum * 1.7320508f;
}

/* Random weights of standard deviation `scale`. Types without an encoder get random quants
 * under halves small enough that no weight is large. */
static inline void gguf_make_random(gguf_make *g, const char *name, gguf_type type, isize cols,
                                    isize rows, u64 *seed, f32 scale) {
  f32 *values = malloc(sizeof(f32) * (size_t)(cols * rows));
  assert(values);
  for (isize i = 0; i < cols * rows; i++) values[i] = make_random_f32(seed) * scale;
  isize n = cols * rows;
  quant_layout layout = quant_layout_of(type);
  u8 *bytes = malloc((size_t)(quant_row_bytes(type, cols) * rows));
  assert(bytes);
  switch (type) {
    case GGUF_F32:
    case GGUF_F16:
    case GGUF_Q4_0:
    case GGUF_Q4_1:
    case GGUF_Q8_0: gguf_make_values(g, name, type, cols, rows, values); break;
    case GGUF_BF16:
      for (isize i = 0; i < n; i++) {
        u16 top = (u16)(f32_to_bits(values[i]) >> 16);
        memcpy(bytes + 2 * i, &top, 2);
      }
      gguf_make_tensor(g, name, type, cols, rows, bytes);
      break;
    case GGUF_Q5_0:
    case GGUF_Q5_1:
    case GGUF_Q4_K:
    case GGUF_Q5_K:
    case GGUF_Q6_K:
      for (isize b = 0; b < n / layout.block_elements; b++) {
        u8 *block = bytes + b * layout.block_bytes;
        for (isize i = 0; i < layout.block_bytes; i++) block[i] = (u8)make_random(seed);
        /* weights = d * quant (- m): 16 quants of five bits, K: 32 more by the group scale */
        f32 d = scale / (type == GGUF_Q5_0 || type == GGUF_Q5_1 ? 9.0f : 600.0f);
        f32 m = type == GGUF_Q5_1 ? -16 * d : type == GGUF_Q4_K ? 8 * d : 16 * d;
        u16 dh = f16_from_f32(d), mh = f16_from_f32(m);
        memcpy(block + (type == GGUF_Q6_K ? 208 : 0), &dh, 2);
        if (type == GGUF_Q5_1 || type == GGUF_Q4_K || type == GGUF_Q5_K) memcpy(block + 2, &mh, 2);
      }
      gguf_make_tensor(g, name, type, cols, rows, bytes);
      break;
  }
  free(bytes);
  free(values);
}

/* ---- the file ---- */
/* May be called again after more was added; the bytes before are gone then. */
static inline nf_bytes gguf_make_finish(gguf_make *g) {
  isize align = g->alignment ? g->alignment : 32;
  make_bytes out = {};
  make_put(&out, "GGUF\3\0\0\0", 8);
  make_u64(&out, g->n_tensors);
  make_u64(&out, g->n_kvs + (g->alignment != 0));
  if (g->alignment) {
    make_string(&out, "general.alignment");
    make_u32(&out, GGUF_KV_U32);
    make_u32(&out, g->alignment);
  }
  make_put(&out, g->kvs.at, g->kvs.len);
  make_put(&out, g->infos.at, g->infos.len);
  while (out.len % align != 0) make_put(&out, "", 1);
  make_put(&out, g->data.at, g->data.len);
  free(g->file);
  g->file = aligned_alloc(64, (size_t)round_up(out.len, 64));
  assert(g->file);
  memcpy(g->file, out.at, (size_t)out.len);
  free(out.at);
  return bytes_of(g->file, out.len);
}

static inline void gguf_make_free(gguf_make *g) {
  free(g->kvs.at);
  free(g->infos.at);
  free(g->data.at);
  free(g->file);
  *g = (gguf_make){};
}
