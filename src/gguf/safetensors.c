/* See safetensors.h. The head is one JSON object: name -> {dtype, shape, data_offsets}, checked as
 * a whole by json_read before anything is taken from it. */
#include "gguf/safetensors.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "gguf/quant.h"

/* The shortest entry there is: "":{"dtype":"F16","shape":[],"data_offsets":[0,2]} */
constexpr isize ENTRY_BYTES_MIN = 46;
constexpr u64 HEAD_BYTES_MAX = 100 << 20; /* the format's own limit */

typedef struct {
  nf_bytes data; /* behind the head */
  nf_bytes name; /* of the tensor that is being read */
  nf_error *error;
} reader;

static nf_status refuse(const reader *r, nf_status status, const char *problem) {
  return error_set(r->error, status, E_STR("safetensors file, tensor "), E_FOREIGN(r->name),
                   E_STR(problem));
}

static nf_status head_find(nf_bytes file, nf_bytes *head, nf_error *error) {
  u64 n = file.len < 8 ? 0 : load_u64(file.at);
  if (n < 2 || n > HEAD_BYTES_MAX || n > (u64)file.len - 8) {
    return error_set(error, NF_BAD_INPUT,
                     E_STR("not a safetensors file, or cut: its head would be "),
                     E_INT(n > INT64_MAX ? INT64_MAX : n), E_STR(" of the file's "),
                     E_INT(file.len), E_STR(" bytes"));
  }
  *head = bytes_slice(file, 8, 8 + (isize)n);
  return NF_OK;
}

bool safetensors_looks(nf_bytes file) {
  nf_bytes head = {};
  return head_find(file, &head, nullptr) == NF_OK && head.len > 0 && head.at[0] == '{';
}

isize safetensors_bytes(nf_bytes file) {
  nf_bytes head = {};
  if (head_find(file, &head, nullptr) != NF_OK) return 64;
  return (head.len / ENTRY_BYTES_MIN + 1) * (isize)sizeof(safetensors_tensor) + 64;
}

static bool type_of(nf_bytes name, gguf_type *type) {
  static const struct {
    const char *name;
    gguf_type type;
  } types[] = {{"F32", GGUF_F32}, {"F16", GGUF_F16}, {"BF16", GGUF_BF16}};
  for (isize i = 0; i < 3; i++) {
    if (!bytes_equal(name, bytes_from_str(types[i].name))) continue;
    *type = types[i].type;
    return true;
  }
  return false;
}

static nf_status shape_take(const reader *r, json_value shape, safetensors_tensor *t) {
  nf_bytes rest = shape.text;
  t->n_dims = 0;
  t->dims[0] = t->dims[1] = 1;
  for (json_value v; json_element_next(&rest, &v); t->n_dims++) {
    u64 n;
    if (t->n_dims == 2) return refuse(r, NF_UNSUPPORTED, ": over 2 dimensions");
    if (!json_u64(v, &n) || !isize_from_u64(n, &t->dims[t->n_dims])) {
      return refuse(r, NF_BAD_INPUT, ": a dimension is no whole number");
    }
  }
  return NF_OK;
}

static nf_status data_take(const reader *r, json_value offsets, safetensors_tensor *t) {
  u64 at[2];
  nf_bytes rest = offsets.text;
  for (isize i = 0; i < 2; i++) {
    json_value v;
    if (!json_element_next(&rest, &v) || !json_u64(v, &at[i])) {
      return refuse(r, NF_BAD_INPUT, ": data_offsets are not two whole numbers");
    }
  }
  if (at[0] > at[1] || at[1] > (u64)r->data.len) {
    return refuse(r, NF_BAD_INPUT, ": its data lies outside the file");
  }
  isize bytes = quant_row_bytes(t->type, t->dims[1]); /* -1 when it overflows */
  if (bytes < 0 || __builtin_mul_overflow(bytes, t->dims[0], &bytes) ||
      (u64)bytes != at[1] - at[0]) {
    return refuse(r, NF_BAD_INPUT, ": its data has another length than its shape asks for");
  }
  t->data = bytes_slice(r->data, (isize)at[0], (isize)at[1]);
  return NF_OK;
}

static nf_status tensor_take(const reader *r, json_value entry, safetensors_tensor *t) {
  json_value type, shape, offsets;
  if (!json_member(entry, "dtype", &type) || type.kind != JSON_STRING ||
      !json_member(entry, "shape", &shape) || shape.kind != JSON_ARRAY ||
      !json_member(entry, "data_offsets", &offsets) || offsets.kind != JSON_ARRAY) {
    return refuse(r, NF_BAD_INPUT, ": dtype, shape and data_offsets expected");
  }
  t->name = r->name;
  if (!type_of(type.text, &t->type)) {
    return refuse(r, NF_UNSUPPORTED, ": F32, F16 or BF16 expected");
  }
  nf_status status = shape_take(r, shape, t);
  return status ? status : data_take(r, offsets, t);
}

nf_status safetensors_open(nf_bytes file, arena *a, safetensors_file *out, nf_error *error) {
  nf_bytes head = {};
  nf_status status = head_find(file, &head, error);
  if (status) return status;
  json_value object;
  isize at = 0;
  if (!utf8_valid(head) || json_read(head, &object, &at) || object.kind != JSON_OBJECT) {
    return error_set(error, NF_BAD_INPUT,
                     E_STR("safetensors file: its head is no JSON object, byte "), E_INT(8 + at));
  }
  arena start = *a;
  isize n_max = head.len / ENTRY_BYTES_MIN + 1;
  safetensors_file found = {.tensors = arena_new(a, n_max, safetensors_tensor)};
  if (!found.tensors) {
    return error_set(error, NF_NO_MEMORY, E_STR("no room for the safetensors head of "),
                     E_INT(head.len), E_STR(" bytes"));
  }
  reader r = {.data = bytes_slice(file, 8 + head.len, file.len), .error = error};
  nf_bytes rest = object.text;
  for (json_value v; !status && json_member_next(&rest, &r.name, &v);) {
    if (bytes_equal(r.name, bytes_from_str("__metadata__"))) {
      found.metadata = v;
      continue;
    }
    ASSERT(found.n_tensors < n_max);
    status = tensor_take(&r, v, &found.tensors[found.n_tensors]);
    found.n_tensors++;
  }
  if (status) {
    *a = start;
    return status;
  }
  *out = found;
  return NF_OK;
}
