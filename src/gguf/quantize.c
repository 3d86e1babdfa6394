/* See quantize.h. */
#include "gguf/quantize.h"

#include "base/text_out.h"
#include "gguf/quant.h"

constexpr i64 ALIGNMENT_MAX = 1 << 16;
constexpr u64 FILE_BYTES_MAX = (u64)1 << 48; /* no size computed from less overflows */
static const char file_type_key[] = "general.file_type",
                  version_key[] = "general.quantization_version";

/* llama.h's numbers of "mostly" one type, and of its quantized layouts (GGML_QNT_VERSION). */
enum { FTYPE_Q4_0 = 2, FTYPE_Q4_1 = 3, FTYPE_Q8_0 = 7, QUANTIZATION_VERSION = 2 };

static u32 file_type_of(gguf_type type) {
  return type == GGUF_Q4_0 ? FTYPE_Q4_0 : type == GGUF_Q4_1 ? FTYPE_Q4_1 : FTYPE_Q8_0;
}

static bool ends_with(nf_bytes name, const char *end) {
  nf_bytes want = bytes_from_str(end);
  return name.len >= want.len &&
         bytes_equal(bytes_slice(name, name.len - want.len, name.len), want);
}

static bool named(const gguf_tensor *t, const char *name) {
  return bytes_equal(t->name, bytes_from_str(name));
}

static bool is_matrix(const gguf_tensor *t) {
  return t->n_dims == 2 && ends_with(t->name, ".weight") && !ends_with(t->name, "_norm.weight");
}

static i64 alignment_of(const gguf_file *file) {
  i64 alignment = GGUF_ALIGNMENT;
  (void)gguf_int(file, "general.alignment", &alignment);
  return alignment;
}

nf_status quantize_plan(const gguf_file *file, const quantize_types *types, gguf_type *to,
                        nf_error *error) {
  bool tied = gguf_tensor_find(file, "output.weight") == nullptr;
  isize n_matrices = 0;
  for (isize i = 0; i < file->n_tensors; i++) {
    const gguf_tensor *t = &file->tensors[i];
    bool embedding = named(t, "token_embd.weight");
    bool head = named(t, "output.weight") || (embedding && tied);
    gguf_type want = head ? types->head : embedding ? types->embedding : types->type;
    bool changes = is_matrix(t) && quant_row_bytes(want, t->dims[0]) > 0;
    to[i] = changes ? want : t->type;
    n_matrices += changes;
  }
  if (n_matrices == 0) {
    return error_set(error, NF_BAD_INPUT, E_STR("GGUF file: none of its "), E_INT(file->n_tensors),
                     E_STR(" tensors is a matrix that can be quantized; a model expected"));
  }
  if (file->file_bytes > FILE_BYTES_MAX) {
    return error_set(error, NF_UNSUPPORTED, E_STR("GGUF file: larger than "), E_INT(FILE_BYTES_MAX),
                     E_STR(" bytes"));
  }
  i64 alignment = alignment_of(file);
  if (alignment > ALIGNMENT_MAX) {
    return error_set(error, NF_UNSUPPORTED, E_STR("GGUF file, key general.alignment: "),
                     E_INT(alignment), E_STR("; at most "), E_INT(ALIGNMENT_MAX),
                     E_STR(" expected"));
  }
  return NF_OK;
}

void quantize_directory_write(const gguf_file *file, gguf_type type, const gguf_type *to,
                              gguf_writer *w) {
  bool has_type = gguf_kv_find(file, file_type_key) != nullptr;
  bool has_version = gguf_kv_find(file, version_key) != nullptr;
  w->alignment = (isize)alignment_of(file);
  gguf_write_head(w, file->n_kvs + !has_type + !has_version, file->n_tensors);
  for (isize i = 0; i < file->n_kvs; i++) {
    const gguf_kv *kv = &file->kvs[i];
    if (bytes_equal(kv->key, bytes_from_str(file_type_key))) {
      gguf_write_u32(w, file_type_key, file_type_of(type));
    } else if (bytes_equal(kv->key, bytes_from_str(version_key))) {
      gguf_write_u32(w, version_key, QUANTIZATION_VERSION);
    } else {
      gguf_write_kv(w, kv);
    }
  }
  if (!has_type) gguf_write_u32(w, file_type_key, file_type_of(type));
  if (!has_version) gguf_write_u32(w, version_key, QUANTIZATION_VERSION);
  for (isize i = 0; i < file->n_tensors; i++) {
    gguf_tensor t = file->tensors[i];
    t.type = to[i];
    gguf_write_tensor(w, &t);
  }
  gguf_write_align(w);
}
