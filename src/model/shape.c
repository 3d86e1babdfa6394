/* GGUF metadata -> model_shape, with every tensor checked against it. Nothing is computed from
 * a number of the file before it was bounded here; what the recipe cannot do is refused by
 * name. Does not touch tensor data. Read next: model.c. */
#include "base/ascii.h"
#include "base/text_out.h"
#include "gguf/quant.h"
#include "model/arch.h"
#include "model/model_internal.h"

/* Bounds far above any model that fits a browser, low enough that products of two sizes and
 * a context cannot overflow a 64-bit count. */
constexpr i64 layers_max = 1024, width_max = 1 << 17, vocab_max = 1 << 21, ctx_max = 1 << 20;
constexpr i64 head_width_max = 256;
constexpr isize width_step = 32;     /* one quantized activation block */
constexpr isize head_width_step = 8; /* what attention takes at a time */

typedef struct {
  const gguf_file *file;
  const arch_table *arch;
  nf_error *error;
  char key[64];
} reader;

static const char *key_of(reader *r, const char *tail) {
  text_out o = {.at = r->key, .cap = (isize)sizeof r->key - 1};
  out_str(&o, r->arch->name);
  out_str(&o, ".");
  out_str(&o, tail);
  r->key[o.len] = 0;
  return r->key;
}

static nf_status bad_key(reader *r, nf_status status, const char *what, i64 low, i64 high) {
  return error_set(r->error, status, E_STR(r->key), E_STR(what), E_STR("; expected a number from "),
                   E_INT(low), E_STR(" to "), E_INT(high));
}

/* An integer key in [1, high]; `missing` (> 0) when the file may lack it. */
static nf_status count_read(reader *r, const char *tail, i64 high, isize missing, isize *out) {
  i64 n;
  const char *key = key_of(r, tail);
  if (!gguf_kv_find(r->file, key) && missing > 0) {
    *out = missing;
    return NF_OK;
  }
  if (!gguf_int(r->file, key, &n)) {
    return bad_key(r, NF_BAD_INPUT, " is missing or not an integer", 1, high);
  }
  if (n < 1) return bad_key(r, NF_BAD_INPUT, " is out of range", 1, high);
  if (n > high) return bad_key(r, NF_UNSUPPORTED, " is larger than this build runs", 1, high);
  *out = (isize)n;
  return NF_OK;
}

static bool number_get(const gguf_file *file, const char *key, f32 *out) {
  i64 n;
  if (gguf_float(file, key, out)) return true;
  if (!gguf_int(file, key, &n)) return false;
  *out = (f32)n;
  return true;
}

static nf_status refusals_check(reader *r) {
  for (isize i = 0; i < r->arch->n_refusals; i++) {
    const arch_refusal *want = &r->arch->refusals[i];
    const char *key = key_of(r, want->key);
    if (!gguf_kv_find(r->file, key)) continue;
    f32 number;
    bool flag, same = false;
    nf_bytes text;
    switch (want->kind) {
      case REFUSE_UNLESS_NUMBER:
        same = number_get(r->file, key, &number) && number == want->number;
        break;
      case REFUSE_UNLESS_BOOL:
        same = gguf_bool(r->file, key, &flag) && flag == (want->number != 0);
        break;
      case REFUSE_UNLESS_TEXT:
        same = gguf_string(r->file, key, &text) && bytes_equal(text, bytes_from_str(want->text));
        break;
    }
    if (!same) {
      return error_set(r->error, NF_UNSUPPORTED, E_STR(key),
                       E_STR(" has a value this build has no code for"));
    }
  }
  return NF_OK;
}

static nf_status numbers_read(reader *r, model_shape *s) {
  nf_status status;
  isize d_value = 0, n_vocab = 0;
  const gguf_tensor *embed = gguf_tensor_find(r->file, r->arch->tensors[TENSOR_EMBED].name);
  if (!embed)
    return error_set(r->error, NF_BAD_INPUT, E_STR("tensor token_embd.weight is missing"));
  if (embed->dims[1] < 1 || embed->dims[1] > vocab_max) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR("tensor token_embd.weight has "),
                     E_INT(embed->dims[1]), E_STR(" rows; this build runs 1 to "),
                     E_INT(vocab_max));
  }
  s->n_vocab = embed->dims[1];
  if ((status = count_read(r, "vocab_size", vocab_max, s->n_vocab, &n_vocab)) ||
      (status = count_read(r, "block_count", layers_max, 0, &s->n_layers)) ||
      (status = count_read(r, "context_length", ctx_max, 0, &s->ctx_tokens_train)) ||
      (status = count_read(r, "embedding_length", width_max, 0, &s->d_model)) ||
      (status = count_read(r, "feed_forward_length", width_max, 0, &s->d_ff)) ||
      (status = count_read(r, "attention.head_count", width_max, 0, &s->n_heads)) ||
      (status = count_read(r, "attention.head_count_kv", s->n_heads, s->n_heads, &s->n_kv_heads)) ||
      (status = count_read(r, "attention.key_length", head_width_max,
                           isize_max(s->d_model / isize_max(s->n_heads, 1), 1), &s->d_head)) ||
      (status = count_read(r, "attention.value_length", head_width_max, s->d_head, &d_value)) ||
      (status = count_read(r, "rope.dimension_count", s->d_head, s->d_head, &s->d_rope))) {
    return status;
  }
  if (n_vocab != s->n_vocab) {
    return error_set(r->error, NF_BAD_INPUT, E_STR(key_of(r, "vocab_size")), E_STR(" is "),
                     E_INT(n_vocab), E_STR(", but token_embd.weight has "), E_INT(s->n_vocab),
                     E_STR(" rows"));
  }
  if (d_value != s->d_head) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR(key_of(r, "attention.value_length")),
                     E_STR(" differs from the key length"));
  }
  s->rope_base = 10000;
  const char *key = key_of(r, "rope.freq_base");
  if (gguf_kv_find(r->file, key) && !number_get(r->file, key, &s->rope_base)) s->rope_base = 0;
  if (!(s->rope_base >= 1 && s->rope_base <= 1e12f)) {
    return bad_key(r, NF_BAD_INPUT, " is out of range", 1, 1000000000000);
  }
  if (!number_get(r->file, key_of(r, "attention.layer_norm_rms_epsilon"), &s->rms_eps) ||
      !(s->rms_eps >= 0 && s->rms_eps < 1)) {
    return bad_key(r, NF_BAD_INPUT, " is missing or out of range", 0, 1);
  }
  return NF_OK;
}

static nf_status widths_check(reader *r, const model_shape *s) {
  const struct {
    const char *what;
    isize n, step;
  } widths[] = {
      {"the model's width", s->d_model, width_step},
      {"the feed-forward width", s->d_ff, width_step},
      {"heads times head width", s->n_heads * s->d_head, width_step},
      {"the number of heads", s->n_heads, s->n_kv_heads},
      {"the head width", s->d_head, head_width_step},
      {"the rope width", s->d_rope, 2},
  };
  for (isize i = 0; i < (isize)(sizeof widths / sizeof *widths); i++) {
    ASSERT(widths[i].step > 0); /* counts were read as 1 or more */
    if (widths[i].n % widths[i].step == 0) continue;
    return error_set(r->error, NF_UNSUPPORTED, E_STR(widths[i].what), E_STR(" is "),
                     E_INT(widths[i].n), E_STR("; this build runs multiples of "),
                     E_INT(widths[i].step));
  }
  return s->n_heads * s->d_head <= width_max
             ? NF_OK
             : error_set(r->error, NF_UNSUPPORTED, E_STR("heads times head width is "),
                         E_INT(s->n_heads * s->d_head), E_STR("; this build runs up to "),
                         E_INT(width_max));
}

static isize dim_of(const model_shape *s, arch_dim dim) {
  switch (dim) {
    case DIM_ONE: return 1;
    case DIM_MODEL: return s->d_model;
    case DIM_HEADS: return s->n_heads * s->d_head;
    case DIM_KV: return s->n_kv_heads * s->d_head;
    case DIM_FF: return s->d_ff;
    case DIM_VOCAB: return s->n_vocab;
    case DIM_ROPE_2: return s->d_rope / 2;
  }
  return 0;
}

const gguf_tensor *model_tensor_find(const gguf_file *file, const arch_table *arch,
                                     arch_tensor which, isize i_layer) {
  char name[64];
  text_out o = {.at = name, .cap = (isize)sizeof name - 1};
  if (arch->tensors[which].per_layer) {
    out_str(&o, "blk.");
    out_i64(&o, i_layer);
    out_str(&o, ".");
  }
  out_str(&o, arch->tensors[which].name);
  name[o.len] = 0;
  return gguf_tensor_find(file, name);
}

static nf_status tensor_check(reader *r, model_shape *s, arch_tensor which, isize i_layer) {
  const arch_tensor_spec *spec = &r->arch->tensors[which];
  const gguf_tensor *t = model_tensor_find(r->file, r->arch, which, i_layer);
  if (!t) {
    if (spec->optional) return NF_OK;
    return error_set(r->error, NF_BAD_INPUT, E_STR("tensor "), E_STR(spec->name),
                     E_STR(" of layer "), E_INT(i_layer), E_STR(" is missing"));
  }
  isize cols = dim_of(s, spec->cols), rows = dim_of(s, spec->rows);
  if (t->dims[0] != cols || t->dims[1] != rows || t->dims[2] != 1 || t->dims[3] != 1) {
    return error_set(r->error, NF_BAD_INPUT, E_STR("tensor "), E_FOREIGN(t->name), E_STR(" is "),
                     E_INT(t->dims[0]), E_STR(" x "), E_INT(t->dims[1]),
                     E_STR("; its columns and rows should be "), E_INT(cols), E_STR(" x "),
                     E_INT(rows));
  }
  if (spec->rows == DIM_ONE) {
    if (t->type != GGUF_F32) {
      return error_set(r->error, NF_UNSUPPORTED, E_STR("tensor "), E_FOREIGN(t->name),
                       E_STR(" is "), E_STR(gguf_type_name(t->type)),
                       E_STR("; this build reads vectors as F32"));
    }
    if (t->offset % alignof(f32)) {
      return error_set(r->error, NF_BAD_INPUT, E_STR("tensor "), E_FOREIGN(t->name),
                       E_STR(" is misaligned"));
    }
    return NF_OK;
  }
  k_weight w = {.type = t->type, .rows = rows, .cols = cols};
  if (quant_row_bytes(t->type, cols) < 0) {
    return error_set(r->error, NF_UNSUPPORTED, E_STR("tensor "), E_FOREIGN(t->name),
                     E_STR(": rows of "), E_INT(cols), E_STR(" are no multiple of a "),
                     E_STR(gguf_type_name(t->type)), E_STR(" block"));
  }
  s->pack_scratch_bytes = isize_max(s->pack_scratch_bytes, k_pack_scratch_bytes(&w));
  return NF_OK;
}

/* Is `name` one of the tensors this family has? Anything else (a bias, an expert) would be
 * silently left out of the sum: refuse it instead. */
static bool tensor_known(const reader *r, const model_shape *s, nf_bytes name) {
  bool per_layer = bytes_start_with(name, bytes_from_str("blk."));
  if (per_layer) {
    isize at = 4, i_layer = 0;
    while (at < name.len && at < 10 && ascii_is_digit(name.at[at])) {
      i_layer = i_layer * 10 + (name.at[at++] - '0');
    }
    if (at == 4 || at >= name.len || name.at[at] != '.' || i_layer >= s->n_layers) return false;
    name = bytes_slice(name, at + 1, name.len);
  }
  for (isize i = 0; i < TENSOR_COUNT; i++) {
    const arch_tensor_spec *spec = &r->arch->tensors[i];
    if (spec->per_layer == per_layer && bytes_equal(name, bytes_from_str(spec->name))) return true;
  }
  return false;
}

const arch_table *model_arch_of(const gguf_file *file) {
  nf_bytes name;
  return gguf_string(file, "general.architecture", &name) ? arch_find(name) : nullptr;
}

nf_status model_shape_read(const gguf_file *file, model_shape *shape, nf_error *error) {
  nf_bytes name;
  if (!gguf_string(file, "general.architecture", &name)) {
    return error_set(error, NF_BAD_INPUT, E_STR("general.architecture is missing"));
  }
  reader r = {.file = file, .arch = arch_find(name), .error = error};
  if (!r.arch) {
    return error_set(error, NF_UNSUPPORTED, E_STR("architecture "), E_FOREIGN(name),
                     E_STR("; this build runs: llama"));
  }
  model_shape s = {};
  nf_status status;
  if ((status = refusals_check(&r)) || (status = numbers_read(&r, &s)) ||
      (status = widths_check(&r, &s))) {
    return status;
  }
  for (isize which = 0; which < TENSOR_COUNT; which++) {
    isize n = r.arch->tensors[which].per_layer ? s.n_layers : 1;
    for (isize i = 0; i < n; i++) {
      if ((status = tensor_check(&r, &s, (arch_tensor)which, i))) return status;
    }
  }
  for (isize i = 0; i < file->n_tensors; i++) {
    if (tensor_known(&r, &s, file->tensors[i].name)) continue;
    return error_set(error, NF_UNSUPPORTED, E_STR("tensor "), E_FOREIGN(file->tensors[i].name),
                     E_STR(" is none this build has code for"));
  }
  s.tied = !model_tensor_find(file, r.arch, TENSOR_HEAD, 0);
  *shape = s;
  return NF_OK;
}
