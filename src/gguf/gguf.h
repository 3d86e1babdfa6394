/* GGUF v3: bytes -> a typed directory of key-values and tensors.
 *
 * Owns:      the directory (in the caller's arena). Borrows every name, string and array
 *            from the file's bytes.
 * Does NOT:  know what a model is, decode blocks (quant.h) or read files.
 * Trusts nothing: every count, size and offset is checked against the file before use.
 * Source: ggml docs/gguf.md. Read next: quant.h. */
#pragma once
#include "base/arena.h"
#include "base/base.h"

constexpr isize GGUF_ALIGNMENT = 32; /* of tensor data, where no key general.alignment says so */

/* Numbers are the file's own. */
typedef enum : u32 {
  GGUF_F32 = 0,
  GGUF_F16 = 1,
  GGUF_Q4_0 = 2,
  GGUF_Q4_1 = 3,
  GGUF_Q5_0 = 6,
  GGUF_Q5_1 = 7,
  GGUF_Q8_0 = 8,
  GGUF_Q4_K = 12,
  GGUF_Q5_K = 13,
  GGUF_Q6_K = 14,
  GGUF_BF16 = 30,
} gguf_type;

typedef enum : u32 {
  GGUF_KV_U8 = 0,
  GGUF_KV_I8,
  GGUF_KV_U16,
  GGUF_KV_I16,
  GGUF_KV_U32,
  GGUF_KV_I32,
  GGUF_KV_F32,
  GGUF_KV_BOOL,
  GGUF_KV_STRING,
  GGUF_KV_ARRAY,
  GGUF_KV_U64,
  GGUF_KV_I64,
  GGUF_KV_F64,
} gguf_kv_type;

/* An array value. Strings are length-prefixed in `bytes`; walk them with gguf_string_next. */
typedef struct {
  gguf_kv_type type; /* of the elements */
  isize n;
  nf_bytes bytes; /* the elements as they lie in the file */
} gguf_array;

typedef struct {
  nf_bytes key;
  gguf_kv_type type;
  nf_bytes value; /* scalar bytes, string bytes without length, or the array's elements */
  gguf_array array; /* when type is GGUF_KV_ARRAY */
} gguf_kv;

/* dims[0] is the fastest (columns of a matrix); dims past n_dims are 1. */
typedef struct {
  nf_bytes name;
  gguf_type type;
  i32 n_dims;
  isize dims[4];
  u64 offset; /* from the start of the file */
  isize bytes;
} gguf_tensor;

typedef struct {
  u64 file_bytes;
  u64 data_offset; /* where tensor data begins */
  gguf_kv *kvs;
  isize n_kvs;
  gguf_tensor *tensors;
  isize n_tensors;
} gguf_file;

/* Read the directory from the first bytes of a file that is `file_bytes` long in all.
 * prefix must stay alive as long as the directory. On NF_NEED_BYTES the arena is as before.
 * errors NF_NEED_BYTES the directory is not complete in `prefix`
 *        NF_BAD_INPUT  wrong magic, a count, size, offset or string past the file's end,
 *                      tensors that overlap or are misaligned, dims that overflow
 *        NF_UNSUPPORTED version not 3, big-endian, a tensor type not listed above, an array of
 *                      arrays, a tensor too large for this build's memory sizes
 *        NF_NO_MEMORY  the arena is smaller than gguf_arena_bytes says
 * `file` is untouched, and the arena as before, unless NF_OK. */
[[nodiscard]] nf_status gguf_open(nf_bytes prefix, u64 file_bytes, arena *a, gguf_file *file,
                                  nf_error *error);

/* Arena bytes gguf_open takes for this file, scratch for its checks included. Walks the
 * directory, so a forged count is refused here and never becomes a memory size.
 * errors as gguf_open, but NF_NO_MEMORY */
[[nodiscard]] nf_status gguf_arena_bytes(nf_bytes prefix, u64 file_bytes, isize *bytes,
                                         nf_error *error);

const gguf_tensor *gguf_tensor_find(const gguf_file *file, const char *name); /* or null */
const gguf_kv *gguf_kv_find(const gguf_file *file, const char *key);          /* or null */
/* Typed look-ups; false when absent or of another kind (any integer kind serves int). */
bool gguf_int(const gguf_file *file, const char *key, i64 *out);
bool gguf_float(const gguf_file *file, const char *key, f32 *out);
bool gguf_bool(const gguf_file *file, const char *key, bool *out);
bool gguf_string(const gguf_file *file, const char *key, nf_bytes *out);
/* Of an array of F32 the first cap numbers; *n is how many it has. */
bool gguf_floats(const gguf_file *file, const char *key, f32 *out, isize cap, isize *n);
bool gguf_array_get(const gguf_file *file, const char *key, gguf_kv_type type, gguf_array *out);
/* Take the next string of a string array; `at` starts at array.bytes and is moved on. */
nf_bytes gguf_string_next(nf_bytes *at);

const char *gguf_type_name(gguf_type type); /* "Q4_1"; "?" for a number not listed */
