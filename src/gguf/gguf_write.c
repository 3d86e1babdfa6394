/* See gguf_write.h. Little-endian machines only, as everywhere in gguf/. */
#include "gguf/gguf_write.h"

#include "gguf/quant.h"

u8 *gguf_write_room(gguf_writer *w, isize n) {
  u8 *at = w->to ? w->to + w->len : nullptr;
  w->len = bytes_add(w->len, n);
  return at;
}

static void put(gguf_writer *w, const void *from, isize n) {
  u8 *at = gguf_write_room(w, n);
  if (at) bytes_copy(at, from, n);
}

static void put_u32(gguf_writer *w, u32 v) { put(w, &v, (isize)sizeof v); }
static void put_u64(gguf_writer *w, u64 v) { put(w, &v, (isize)sizeof v); }

static void put_string(gguf_writer *w, nf_bytes text) {
  put_u64(w, (u64)text.len);
  put(w, text.at, text.len);
}

static void put_key(gguf_writer *w, const char *key, gguf_kv_type type) {
  put_string(w, bytes_from_str(key));
  put_u32(w, type);
}

void gguf_write_head(gguf_writer *w, isize n_kvs, isize n_tensors) {
  put_u32(w, 0x46554747u); /* "GGUF" */
  put_u32(w, 3);
  put_u64(w, (u64)n_tensors);
  put_u64(w, (u64)n_kvs);
}

void gguf_write_str(gguf_writer *w, const char *key, nf_bytes value) {
  put_key(w, key, GGUF_KV_STRING);
  put_string(w, value);
}

void gguf_write_f32(gguf_writer *w, const char *key, f32 value) {
  put_key(w, key, GGUF_KV_F32);
  put_u32(w, f32_to_bits(value));
}

void gguf_write_f32s(gguf_writer *w, const char *key, const f32 *values, isize n) {
  put_key(w, key, GGUF_KV_ARRAY);
  put_u32(w, GGUF_KV_F32);
  put_u64(w, (u64)n);
  for (isize i = 0; i < n; i++) put_u32(w, f32_to_bits(values[i]));
}

void gguf_write_u32(gguf_writer *w, const char *key, u32 value) {
  put_key(w, key, GGUF_KV_U32);
  put_u32(w, value);
}

void gguf_write_kv(gguf_writer *w, const gguf_kv *kv) {
  put_string(w, kv->key);
  put_u32(w, kv->type);
  if (kv->type == GGUF_KV_STRING) put_u64(w, (u64)kv->value.len);
  if (kv->type == GGUF_KV_ARRAY) {
    put_u32(w, kv->array.type);
    put_u64(w, (u64)kv->array.n);
  }
  put(w, kv->value.at, kv->value.len);
}

static isize alignment_of(const gguf_writer *w) {
  return w->alignment ? w->alignment : GGUF_ALIGNMENT;
}

void gguf_write_tensor(gguf_writer *w, const gguf_tensor *t) {
  put_string(w, t->name);
  put_u32(w, (u32)t->n_dims);
  isize bytes = quant_row_bytes(t->type, t->dims[0]);
  bool overflow = false;
  for (isize i = 0; i < t->n_dims; i++) put_u64(w, (u64)t->dims[i]);
  for (isize i = 1; i < t->n_dims; i++) {
    overflow |= __builtin_mul_overflow(bytes, t->dims[i], &bytes);
  }
  ASSERT(bytes > 0 && !overflow);
  put_u32(w, t->type);
  put_u64(w, w->offset);
  w->offset += (u64)round_up(bytes, alignment_of(w));
}

void gguf_write_align(gguf_writer *w) {
  isize n = round_up(w->len, alignment_of(w)) - w->len;
  u8 *at = gguf_write_room(w, n);
  if (at) bytes_zero(at, n);
}
