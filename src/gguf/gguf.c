/* Reading a GGUF directory. Two walks over the same bytes: the first checks every length
 * against the file and counts, the second (which cannot fail any more) fills the arrays.
 * So nothing is allocated for a count that the file does not hold, and running out of prefix
 * leaves nothing behind. What the whole directory must satisfy (no overlap, no name twice)
 * is in gguf_check.c, look-ups in gguf_find.c.
 * Source: ggml docs/gguf.md, "File structure". Read next: gguf_check.c. */
#include "gguf/gguf.h"

#include "base/text_out.h"
#include "gguf/gguf_check.h"
#include "gguf/quant.h"

enum {
  VERSION = 3,
  KEY_BYTES_MAX = 65535,       /* gguf.md: a key is at most 2^16 - 1 bytes */
  TENSOR_NAME_BYTES_MAX = 64,  /* gguf.md */
  KV_BYTES_MIN = 8 + 1 + 4 + 1, /* key length, shortest key, type, shortest value */
  TENSOR_BYTES_MIN = 8 + 1 + 4 + 8 + 4 + 8,
};

/* A place in the file. Positions are the file's (u64); `bytes` is the prefix we hold. */
typedef struct {
  nf_bytes bytes;
  u64 at, end; /* next byte; the file's size */
  const char *what; /* for error lines: "key ", "tensor " */
  nf_bytes name;
  nf_error *error;
} reader;

/* "GGUF file, tensor blk.0.x at byte 123: <problem> <number><tail>" */
static nf_status refuse(const reader *r, nf_status status, const char *problem, u64 number,
                        const char *tail) {
  i64 shown = number > INT64_MAX ? INT64_MAX : (i64)number;
  return error_set(r->error, status, E_STR("GGUF file, "), E_STR(r->what), E_FOREIGN(r->name),
                   E_STR(" at byte "), E_INT(r->at), E_STR(problem), E_INT(shown), E_STR(tail));
}

static nf_status need(const reader *r, u64 n) {
  if (n > r->end - r->at)
    return refuse(r, NF_BAD_INPUT, ": needs ", n, " bytes, past the file's end");
  if (n > (u64)r->bytes.len - r->at) {
    return refuse(r, NF_NEED_BYTES, ": needs ", n, " more bytes of the file");
  }
  return NF_OK;
}

/* Borrow the next n bytes. */
static nf_status take(reader *r, u64 n, nf_bytes *out) {
  nf_status status = need(r, n);
  if (status != NF_OK) return status;
  *out = bytes_of(r->bytes.at + r->at, (isize)n);
  r->at += n;
  return NF_OK;
}

static nf_status take_u32(reader *r, u32 *out) {
  nf_bytes b;
  nf_status status = take(r, 4, &b);
  if (status == NF_OK) *out = load_u32(b.at);
  return status;
}

static nf_status take_u64(reader *r, u64 *out) {
  nf_bytes b;
  nf_status status = take(r, 8, &b);
  if (status == NF_OK) *out = load_u64(b.at);
  return status;
}

static nf_status take_string(reader *r, nf_bytes *out) {
  u64 n;
  nf_status status = take_u64(r, &n);
  return status == NF_OK ? take(r, n, out) : status;
}

/* Name of a key or tensor; from here on error lines carry it. */
static nf_status take_name(reader *r, const char *what, u64 bytes_max, nf_bytes *out) {
  r->what = what;
  r->name = bytes_of(nullptr, 0);
  u64 n;
  nf_status status = take_u64(r, &n);
  if (status != NF_OK) return status;
  if (n == 0 || n > bytes_max) {
    return refuse(r, NF_BAD_INPUT, ": name of ", n, " bytes; 1 to 65535 (tensor: 64) expected");
  }
  status = take(r, n, out);
  if (status == NF_OK) r->name = *out;
  return status;
}

/* Bytes of a scalar kind; 0 for strings, arrays and unknown kinds. */
static u64 kv_scalar_bytes(gguf_kv_type type) {
  switch (type) {
    case GGUF_KV_U8:
    case GGUF_KV_I8:
    case GGUF_KV_BOOL: return 1;
    case GGUF_KV_U16:
    case GGUF_KV_I16: return 2;
    case GGUF_KV_U32:
    case GGUF_KV_I32:
    case GGUF_KV_F32: return 4;
    case GGUF_KV_U64:
    case GGUF_KV_I64:
    case GGUF_KV_F64: return 8;
    default: return 0;
  }
}

static nf_status bools_check(const reader *r, gguf_kv_type type, nf_bytes values) {
  for (isize i = 0; type == GGUF_KV_BOOL && i < values.len; i++) {
    if (values.at[i] > 1) {
      return refuse(r, NF_BAD_INPUT, ": a truth value is ", values.at[i], "; 0 or 1 expected");
    }
  }
  return NF_OK;
}

static nf_status take_array(reader *r, gguf_array *out) {
  u32 type;
  u64 n;
  nf_status status = take_u32(r, &type);
  if (status == NF_OK) status = take_u64(r, &n);
  if (status != NF_OK) return status;
  out->type = (gguf_kv_type)type;
  if (type == GGUF_KV_ARRAY) return refuse(r, NF_UNSUPPORTED, ": array of arrays, kind ", type, "");
  u64 each = kv_scalar_bytes(out->type);
  if (each == 0 && type != GGUF_KV_STRING) {
    return refuse(r, NF_BAD_INPUT, ": array of kind ", type, "; 0 to 12 expected");
  }
  u64 each_min = each == 0 ? 8 : each; /* a string is at least its length */
  if (n > (r->end - r->at) / each_min) {
    return refuse(r, NF_BAD_INPUT, ": array of ", n, " elements, more than the file can hold");
  }
  if (each != 0) {
    status = take(r, n * each, &out->bytes);
    if (status == NF_OK) status = bools_check(r, out->type, out->bytes);
  } else {
    u64 start = r->at;
    for (u64 i = 0; i < n && status == NF_OK; i++) {
      nf_bytes ignored;
      status = take_string(r, &ignored);
    }
    if (status == NF_OK) {
      out->bytes = bytes_slice(r->bytes, (isize)start, (isize)r->at);
    }
  }
  if (status == NF_OK) out->n = (isize)n; /* n <= bytes held, so it fits */
  return status;
}

static nf_status take_kv(reader *r, gguf_kv *kv) {
  u32 type;
  nf_status status = take_name(r, "key ", KEY_BYTES_MAX, &kv->key);
  if (status == NF_OK) status = take_u32(r, &type);
  if (status != NF_OK) return status;
  kv->type = (gguf_kv_type)type;
  kv->array = (gguf_array){};
  if (type == GGUF_KV_STRING) return take_string(r, &kv->value);
  if (type == GGUF_KV_ARRAY) {
    status = take_array(r, &kv->array);
    kv->value = kv->array.bytes;
    return status;
  }
  u64 n = kv_scalar_bytes(kv->type);
  if (n == 0) return refuse(r, NF_BAD_INPUT, ": value of kind ", type, "; 0 to 12 expected");
  status = take(r, n, &kv->value);
  return status == NF_OK ? bools_check(r, kv->type, kv->value) : status;
}

/* Shape and size of a tensor; `offset` is still relative to the data. */
static nf_status take_tensor(reader *r, gguf_tensor *t) {
  u32 n_dims, type;
  nf_status status = take_name(r, "tensor ", TENSOR_NAME_BYTES_MAX, &t->name);
  if (status == NF_OK) status = take_u32(r, &n_dims);
  if (status != NF_OK) return status;
  if (n_dims < 1 || n_dims > 4) {
    return refuse(r, NF_BAD_INPUT, ": has ", n_dims, " dimensions; 1 to 4 expected");
  }
  t->n_dims = (i32)n_dims;
  u64 dims[4] = {1, 1, 1, 1};
  for (u32 i = 0; i < n_dims; i++) {
    status = take_u64(r, &dims[i]);
    if (status != NF_OK) return status;
    if (dims[i] == 0) return refuse(r, NF_BAD_INPUT, ": dimension ", i, " is 0");
  }
  status = take_u32(r, &type);
  if (status == NF_OK) status = take_u64(r, &t->offset);
  if (status != NF_OK) return status;
  t->type = (gguf_type)type;
  quant_layout layout = quant_layout_of(t->type);
  if (layout.block_elements == 0) {
    return refuse(r, NF_UNSUPPORTED, ": type ", type,
                  ", which this build does not read; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, "
                  "Q8_0, Q4_K, Q5_K or Q6_K expected");
  }
  if (dims[0] % (u64)layout.block_elements != 0) {
    return refuse(r, NF_BAD_INPUT, ": rows of ", dims[0], " elements, no multiple of its block");
  }
  u64 bytes = dims[0] / (u64)layout.block_elements;
  bool overflow = __builtin_mul_overflow(bytes, (u64)layout.block_bytes, &bytes);
  for (u32 i = 1; i < 4; i++) overflow |= __builtin_mul_overflow(bytes, dims[i], &bytes);
  if (overflow || bytes > r->end) {
    return refuse(r, NF_BAD_INPUT, ": its dimensions ask for more than the file's ", r->end,
                  " bytes");
  }
  if (t->offset > r->end - bytes) {
    return refuse(r, NF_BAD_INPUT, ": its data begins at offset ", t->offset,
                  ", so it ends past the file's end");
  }
  bool fits = isize_from_u64(bytes, &t->bytes);
  for (u32 i = 0; i < 4; i++) fits &= isize_from_u64(dims[i], &t->dims[i]);
  if (!fits) return refuse(r, NF_UNSUPPORTED, ": too large for this build: ", bytes, " bytes");
  return NF_OK;
}

/* The fixed 24 bytes; counts are checked against what the file could hold at all. */
static nf_status take_head(reader *r, u64 *n_kvs, u64 *n_tensors) {
  r->what = "head";
  u32 magic, version;
  nf_status status = take_u32(r, &magic);
  if (status != NF_OK) return status;
  if (magic != 0x46554747u) {
    return error_set(r->error, NF_BAD_INPUT, E_STR("not a GGUF file: it begins with \""),
                     E_FOREIGN(bytes_slice(r->bytes, 0, 4)), E_STR("\", \"GGUF\" expected"));
  }
  status = take_u32(r, &version);
  if (status != NF_OK) return status;
  if (version == (u32)VERSION << 24) {
    return refuse(r, NF_UNSUPPORTED, ": big-endian, version bytes ", version, "");
  }
  if (version != VERSION) return refuse(r, NF_UNSUPPORTED, ": version ", version, "; 3 expected");
  status = take_u64(r, n_tensors);
  if (status == NF_OK) status = take_u64(r, n_kvs);
  if (status != NF_OK) return status;
  u64 left = r->end - r->at;
  if (*n_kvs > left / KV_BYTES_MIN) {
    return refuse(r, NF_BAD_INPUT, ": claims ", *n_kvs, " keys, more than the file can hold");
  }
  left -= *n_kvs * KV_BYTES_MIN;
  if (*n_tensors > left / TENSOR_BYTES_MIN) {
    return refuse(r, NF_BAD_INPUT, ": claims ", *n_tensors,
                  " tensors, more than the file can hold");
  }
  return NF_OK;
}

/* general.alignment, when kv is that. */
static nf_status alignment_read(const reader *r, const gguf_kv *kv, u64 *alignment) {
  if (!bytes_equal(kv->key, bytes_from_str("general.alignment"))) return NF_OK;
  u64 value = kv->type == GGUF_KV_U32 ? load_u32(kv->value.at) : 0;
  if (value < 8 || (value & (value - 1)) != 0) {
    return refuse(r, NF_BAD_INPUT, ": ", value, "; a u32 power of two from 8 up expected");
  }
  *alignment = value;
  return NF_OK;
}

/* Walk the directory from its start. Null arrays: count and check only. */
static nf_status walk(reader *r, gguf_file *file, u64 *alignment) {
  u64 n_kvs = 0, n_tensors = 0;
  nf_status status = take_head(r, &n_kvs, &n_tensors);
  *alignment = GGUF_ALIGNMENT;
  for (u64 i = 0; i < n_kvs && status == NF_OK; i++) {
    gguf_kv kv = {};
    status = take_kv(r, &kv);
    if (status == NF_OK) status = alignment_read(r, &kv, alignment);
    if (status == NF_OK && file->kvs != nullptr) file->kvs[i] = kv;
  }
  for (u64 i = 0; i < n_tensors && status == NF_OK; i++) {
    gguf_tensor t = {};
    status = take_tensor(r, &t);
    if (status == NF_OK && file->tensors != nullptr) file->tensors[i] = t;
  }
  if (status != NF_OK) return status;
  file->n_kvs = (isize)n_kvs; /* each took bytes of the prefix, so the counts fit */
  file->n_tensors = (isize)n_tensors;
  return NF_OK;
}

static reader reader_of(nf_bytes prefix, u64 file_bytes, nf_error *error) {
  if (prefix.len > 0 && (u64)prefix.len > file_bytes) prefix.len = (isize)file_bytes;
  return (reader){.bytes = prefix, .end = file_bytes, .error = error};
}

/* Both arrays, the order array of gguf_check, and what aligning each may cost. */
static bool arena_need(const gguf_file *file, isize *bytes) {
  isize kvs, tensors, order;
  isize n_order = isize_max(file->n_kvs, file->n_tensors);
  return !__builtin_mul_overflow(file->n_kvs, (isize)sizeof(gguf_kv), &kvs) &&
         !__builtin_mul_overflow(file->n_tensors, (isize)sizeof(gguf_tensor), &tensors) &&
         !__builtin_mul_overflow(n_order, (isize)sizeof(isize), &order) &&
         !__builtin_add_overflow(kvs, tensors, bytes) &&
         !__builtin_add_overflow(*bytes, order, bytes) &&
         !__builtin_add_overflow(*bytes, 64, bytes);
}

nf_status gguf_arena_bytes(nf_bytes prefix, u64 file_bytes, isize *bytes, nf_error *error) {
  reader r = reader_of(prefix, file_bytes, error);
  gguf_file counted = {};
  u64 alignment;
  nf_status status = walk(&r, &counted, &alignment);
  if (status != NF_OK) return status;
  isize total;
  if (!arena_need(&counted, &total)) {
    return refuse(&r, NF_UNSUPPORTED,
                  ": directory too large for this build, keys: ", (u64)counted.n_kvs, "");
  }
  *bytes = total;
  return NF_OK;
}

nf_status gguf_open(nf_bytes prefix, u64 file_bytes, arena *a, gguf_file *out, nf_error *error) {
  reader r = reader_of(prefix, file_bytes, error);
  gguf_file file = {.file_bytes = file_bytes};
  u64 alignment;
  nf_status status = walk(&r, &file, &alignment);
  if (status != NF_OK) return status;
  arena rest = *a; /* given back unless all goes well */
  file.kvs = arena_new(&rest, file.n_kvs, gguf_kv);
  file.tensors = arena_new(&rest, file.n_tensors, gguf_tensor);
  arena scratch = rest;
  isize *order = arena_new(&scratch, isize_max(file.n_kvs, file.n_tensors), isize);
  if (file.kvs == nullptr || file.tensors == nullptr || order == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("GGUF file: a directory of "), E_INT(file.n_kvs),
                     E_STR(" keys and "), E_INT(file.n_tensors),
                     E_STR(" tensors needs more memory than the "), E_INT(arena_left(a)),
                     E_STR(" bytes given"));
  }
  r = reader_of(prefix, file_bytes, error);
  status = walk(&r, &file, &alignment);
  ASSERT(status == NF_OK); /* the same bytes passed a moment ago */
  u64 pad = -r.at & (alignment - 1);
  file.data_offset = pad > r.end - r.at ? r.end : r.at + pad;
  status = gguf_check(&file, alignment, order, error);
  if (status != NF_OK) return status;
  *a = rest;
  *out = file;
  return NF_OK;
}
