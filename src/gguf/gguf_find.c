/* Look-ups in a directory that gguf_open has checked. Linear: a model reads each key once. */
#include "gguf/gguf.h"

const gguf_tensor *gguf_tensor_find(const gguf_file *file, const char *name) {
  nf_bytes wanted = bytes_from_str(name);
  for (isize i = 0; i < file->n_tensors; i++) {
    if (bytes_equal(file->tensors[i].name, wanted)) return &file->tensors[i];
  }
  return nullptr;
}

const gguf_kv *gguf_kv_find(const gguf_file *file, const char *key) {
  nf_bytes wanted = bytes_from_str(key);
  for (isize i = 0; i < file->n_kvs; i++) {
    if (bytes_equal(file->kvs[i].key, wanted)) return &file->kvs[i];
  }
  return nullptr;
}

bool gguf_int(const gguf_file *file, const char *key, i64 *out) {
  const gguf_kv *kv = gguf_kv_find(file, key);
  if (kv == nullptr) return false;
  const u8 *at = kv->value.at;
  switch (kv->type) {
    case GGUF_KV_U8: *out = at[0]; return true;
    case GGUF_KV_I8: *out = at[0] < 128 ? at[0] : at[0] - 256; return true;
    case GGUF_KV_U16: *out = load_u16(at); return true;
    case GGUF_KV_I16: *out = (i16)load_u16(at); return true;
    case GGUF_KV_U32: *out = load_u32(at); return true;
    case GGUF_KV_I32: *out = (i32)load_u32(at); return true;
    case GGUF_KV_I64: *out = (i64)load_u64(at); return true;
    case GGUF_KV_U64:
      if (load_u64(at) > INT64_MAX) return false;
      *out = (i64)load_u64(at);
      return true;
    default: return false;
  }
}

bool gguf_float(const gguf_file *file, const char *key, f32 *out) {
  const gguf_kv *kv = gguf_kv_find(file, key);
  if (kv == nullptr) return false;
  if (kv->type == GGUF_KV_F32) {
    *out = f32_from_bits(load_u32(kv->value.at));
    return true;
  }
  if (kv->type == GGUF_KV_F64) {
    f64 value = __builtin_bit_cast(f64, load_u64(kv->value.at));
    constexpr f64 largest = 3.4028234663852886e38;
    if (value > largest || value < -largest) return false; /* out of f32's range */
    *out = (f32)value;
    return true;
  }
  return false;
}

bool gguf_bool(const gguf_file *file, const char *key, bool *out) {
  const gguf_kv *kv = gguf_kv_find(file, key);
  if (kv == nullptr || kv->type != GGUF_KV_BOOL) return false;
  *out = kv->value.at[0] != 0;
  return true;
}

bool gguf_string(const gguf_file *file, const char *key, nf_bytes *out) {
  const gguf_kv *kv = gguf_kv_find(file, key);
  if (kv == nullptr || kv->type != GGUF_KV_STRING) return false;
  *out = kv->value;
  return true;
}

bool gguf_floats(const gguf_file *file, const char *key, f32 *out, isize cap, isize *n) {
  gguf_array array;
  if (!gguf_array_get(file, key, GGUF_KV_F32, &array)) return false;
  *n = array.n;
  for (isize i = 0; i < isize_min(array.n, cap); i++) {
    out[i] = f32_from_bits(load_u32(array.bytes.at + i * (isize)sizeof(f32)));
  }
  return true;
}

bool gguf_array_get(const gguf_file *file, const char *key, gguf_kv_type type, gguf_array *out) {
  const gguf_kv *kv = gguf_kv_find(file, key);
  if (kv == nullptr || kv->type != GGUF_KV_ARRAY || kv->array.type != type) return false;
  *out = kv->array;
  return true;
}

nf_bytes gguf_string_next(nf_bytes *at) {
  ASSERT(at->len >= 8);
  u64 n = load_u64(at->at);
  ASSERT(n <= (u64)at->len - 8); /* gguf_open walked these lengths already */
  nf_bytes string = bytes_slice(*at, 8, 8 + (isize)n);
  *at = bytes_slice(*at, 8 + (isize)n, at->len);
  return string;
}

const char *gguf_type_name(gguf_type type) {
  switch (type) {
    case GGUF_F32: return "F32";
    case GGUF_F16: return "F16";
    case GGUF_Q4_0: return "Q4_0";
    case GGUF_Q4_1: return "Q4_1";
    case GGUF_Q5_0: return "Q5_0";
    case GGUF_Q5_1: return "Q5_1";
    case GGUF_Q8_0: return "Q8_0";
    case GGUF_Q4_K: return "Q4_K";
    case GGUF_Q5_K: return "Q5_K";
    case GGUF_Q6_K: return "Q6_K";
    case GGUF_BF16: return "BF16";
  }
  return "?";
}
