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

void gguf_write_u32(gguf_writer *w, const char *key, u32 value) {
  put_key(w, key, GGUF_KV_U32);
  put_u32(w, value);
}

void gguf_write_tensor(gguf_writer *w, nf_bytes name, gguf_type type, isize cols, isize rows) {
  put_string(w, name);
  put_u32(w, 2);
  put_u64(w, (u64)cols);
  put_u64(w, (u64)rows);
  put_u32(w, type);
  put_u64(w, w->offset);
  isize bytes = quant_row_bytes(type, cols);
  ASSERT(bytes > 0 && !__builtin_mul_overflow(bytes, rows, &bytes));
  w->offset += (u64)round_up(bytes, GGUF_WRITE_ALIGNMENT);
}

void gguf_write_align(gguf_writer *w) {
  isize n = round_up(w->len, GGUF_WRITE_ALIGNMENT) - w->len;
  u8 *at = gguf_write_room(w, n);
  if (at) bytes_zero(at, n);
}
